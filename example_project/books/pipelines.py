"""What is done with each item."""

from itemadapter import ItemAdapter

from scrapy_proxywhirl import UsedProxy


class ProxyLabelPipeline:
    """Stores with each item, of whatever kind, the label of the proxy that fetched it."""

    def process_item(self, item):
        """Put the label in the place of the proxy that the page object, or the spider, told of."""
        adapter = ItemAdapter(item)
        used = adapter.get("proxy")
        if isinstance(used, UsedProxy):
            adapter["proxy"] = used.label
        return item

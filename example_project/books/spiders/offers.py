"""The spider that reads lists, and nothing else."""

from scrapy import Request, Spider

from books.pages import ListPage


class OffersSpider(Spider):
    """
    Collects what is on offer, from the lists alone.

    Attributes:
        shop: The URL of the first list; ``-a shop=...`` sets another.
    """

    name = "offers"
    shop = "http://127.0.0.1:8400/"

    async def start(self):
        """Begin with the first list."""
        yield Request(self.shop, self.parse_list)

    def parse_list(self, response, page: ListPage):
        """Take what a list has, and go on to the next."""
        yield from page.offers()
        if page.next_url():
            yield Request(page.next_url(), self.parse_list)

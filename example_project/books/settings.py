"""The settings of the example: the add-on, its proxies, and a pipeline."""

BOT_NAME = "books"
SPIDER_MODULES = ["books.spiders"]
NEWSPIDER_MODULE = "books.spiders"

ADDONS = {"scrapy_proxywhirl.Addon": 500}

# Those of `python -m scrapy_proxywhirl.playground`. Put your own here: URLs with or without
# credentials, as "http://user:password@proxy.example:8000", or dicts with more about them.
PROXYWHIRL_PROXIES = [f"http://127.0.0.1:{port}" for port in range(8401, 8411)]

ITEM_PIPELINES = {"books.pipelines.ProxyLabelPipeline": 300}

"""The settings of the example: the add-ons, the proxies, a pipeline and an extension."""

BOT_NAME = "books"
SPIDER_MODULES = ["books.spiders"]
NEWSPIDER_MODULE = "books.spiders"

# scrapy-poet brings page objects to callbacks, and scrapy-proxywhirl tells them of their proxies.
ADDONS = {"scrapy_poet.Addon": 300, "scrapy_proxywhirl.Addon": 500}

# Those of `python -m scrapy_proxywhirl.playground`. Put your own here: URLs with or without
# credentials, as "http://user:password@proxy.example:8000", or dicts with more about them.
PROXYWHIRL_PROXIES = [f"http://127.0.0.1:{port}" for port in range(8401, 8411)]

# Scrapy's limit is for a site, which takes ten exits for ten visitors.
CONCURRENT_REQUESTS_PER_DOMAIN = 16

ITEM_PIPELINES = {"books.pipelines.ProxyLabelPipeline": 300}
EXTENSIONS = {"books.extensions.ProxyReport": 500}

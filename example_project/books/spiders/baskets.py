"""The spider whose visitors each have cookies, and a proxy, of their own."""

from scrapy import Request, Spider

from books.items import Basket
from scrapy_proxywhirl import used_proxy


class BasketsSpider(Spider):
    """
    Lets visitors fill their baskets; the shop shows nobody a basket that was begun elsewhere.

    A visitor is one of Scrapy's cookie jars, and with PROXYWHIRL_STICKY_COOKIEJARS each of them
    stays on one proxy.

    Attributes:
        shop: The shop's URL; ``-a shop=...`` sets another.
        visitors: How many there are.
    """

    name = "baskets"
    shop = "http://127.0.0.1:8400/"
    visitors = 20
    custom_settings = {"PROXYWHIRL_STICKY_COOKIEJARS": True}

    async def start(self):
        """Begin with a book for each visitor."""
        for visitor in range(int(self.visitors)):  # by -a it is a text
            yield self.put(visitor, [visitor + 1, visitor + 101, visitor + 201])

    def put(self, visitor, books):
        """Put the first of *books* into the basket, and the others behind it."""
        first, *others = books
        return Request(
            f"{self.shop}basket/add/{first}",
            dont_filter=True,  # other visitors may want the same
            meta={"cookiejar": visitor},
            cb_kwargs={"others": others},
        )

    def parse(self, response, others):
        """Go on, or collect the basket when it is full."""
        visitor = response.meta["cookiejar"]
        if others:
            yield self.put(visitor, others)
        else:
            titles = response.css("li.in-basket::text").getall()
            yield Basket(visitor=visitor, titles=titles, proxy=used_proxy(response))

"""A spider like any other: it need not know that it goes through proxies."""

from scrapy import Request, Spider

from books.items import Book
from scrapy_proxywhirl import used_proxy


class BooksSpider(Spider):
    """
    Follows the lists of books, and collects each book.

    Args:
        shop: The URL of the first list.
    """

    name = "books"

    def __init__(self, shop="http://127.0.0.1:8400/", **kwargs):
        super().__init__(**kwargs)
        self.shop = shop

    async def start(self):
        """Begin with the first list."""
        yield Request(self.shop)

    def parse(self, response, **kwargs):
        """Follow the books of a list, and the next list."""
        yield from response.follow_all(css="a.book", callback=self.parse_book)
        yield from response.follow_all(css="a.next")

    def parse_book(self, response):
        """Collect a book, and with it what it was fetched through."""
        yield Book(
            title=response.css("h1::text").get(default=""),
            price=float(response.css(".price::text").get(default="nan")),
            url=response.url,
            proxy=used_proxy(response),
        )

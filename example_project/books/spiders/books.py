"""The spider that opens each book's page."""

from scrapy import Request, Spider

from books.pages import BookPage, ListPage


class BooksSpider(Spider):
    """
    Follows the lists of books, and collects each book from its own page.

    Attributes:
        shop: The URL of the first list; ``-a shop=...`` sets another.
    """

    name = "books"
    shop = "http://127.0.0.1:8400/"

    async def start(self):
        """Begin with the first list."""
        yield Request(self.shop, self.parse_list)

    def parse_list(self, response, page: ListPage):
        """Follow the books of a list, and the next list."""
        if page.next_url():
            yield Request(page.next_url(), self.parse_list)
        for offer in page.offers():
            yield Request(offer.url, self.parse_book)

    async def parse_book(self, response, page: BookPage):
        """Collect a book."""
        yield await page.to_item()

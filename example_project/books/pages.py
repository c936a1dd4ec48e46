"""What the shop's pages say, apart from what a spider does with it."""

from __future__ import annotations

import attrs
from web_poet import WebPage, field

from books.items import Book, Offer
from scrapy_proxywhirl import UsedProxy


@attrs.define(kw_only=True)
class ListPage(WebPage):
    """
    A list of books.

    Attributes:
        used: The proxy that it came through, which scrapy-proxywhirl provides.
    """

    used: UsedProxy

    def offers(self):
        """Return what is on offer."""
        return [
            Offer(
                title=row.css("a::text").get(default=""),
                price=float(row.css(".price::text").get(default="nan")),
                url=self.urljoin(row.css("a::attr(href)").get(default="")),
                proxy=self.used,
            )
            for row in self.css("li")
        ]

    def next_url(self):
        """Return the URL of the next list; None behind the last."""
        href = self.css("a.next::attr(href)").get()
        return self.urljoin(href) if href else None


@attrs.define(kw_only=True)
class BookPage(WebPage[Book]):
    """
    The page of a book.

    Attributes:
        used: The proxy that it came through.
    """

    used: UsedProxy

    @field
    def title(self):
        """As the shop writes it."""
        return self.css("h1::text").get(default="")

    @field
    def price(self):
        """In the shop's currency."""
        return float(self.css(".price::text").get(default="nan"))

    @field
    def url(self):
        """Of the page."""
        return str(self.response.url)

    @field
    def proxy(self):
        """What the page came through."""
        return self.used

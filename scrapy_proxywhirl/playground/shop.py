"""The playground's bookshop: its pages, and the baskets of those who visit it."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import SimpleCookie

from scrapy_proxywhirl.playground.messages import Message, response

BOOKS = 480
BOOKS_PER_PAGE = 20

_COOKIE = "basket"


def listing(page: int) -> Message:
    """Return a page that lists books, with their prices, and leads to the next."""
    first = (page - 1) * BOOKS_PER_PAGE + 1
    behind = min(first + BOOKS_PER_PAGE, BOOKS + 1)
    books = "".join(
        f'<li><a class="book" href="/book/{number}">{_title(number)}</a> {_price(number)}</li>'
        for number in range(first, behind)
    )
    more = f'<a class="next" href="/page/{page + 1}">next</a>' if behind <= BOOKS else ""
    return response(200, f"<title>Books, page {page}</title><ul>{books}</ul>{more}".encode())


def book(number: int) -> Message:
    """Return a page that shows a book."""
    title = _title(number)
    return response(200, f"<title>{title}</title><h1>{title}</h1>{_price(number)}".encode())


@dataclass
class _Basket:
    via: str | None
    books: list[int] = field(default_factory=list)


class Baskets:
    """
    What visitors have put into their baskets.

    A basket is its visitor's by a cookie. The shop takes fright at one that comes through another
    proxy than it was begun through, as shops do, and answers 403.
    """

    def __init__(self) -> None:
        self._baskets: dict[str, _Basket] = {}

    def answer(self, request: Message, added: int | None) -> Message:
        """
        Show a basket.

        Args:
            request: Of the visitor.
            added: The number of a book that is put into it first; None for none.
        """
        via = request.headers.get("via")
        cookie = SimpleCookie(request.headers.get("cookie", "")).get(_COOKIE)
        token = cookie.value if cookie else str(len(self._baskets) + 1)
        basket = self._baskets.setdefault(token, _Basket(via))
        if basket.via != via:
            return response(403, b"<title>this is not your basket</title>")
        if added is not None:
            basket.books.append(added)
        items = "".join(f'<li class="in-basket">{_title(number)}</li>' for number in basket.books)
        page = f"<title>Your basket</title><ul>{items}</ul>"
        return response(200, page.encode(), set_cookie=f"{_COOKIE}={token}; Path=/")


def _title(number: int) -> str:
    return f"Book {number}"


def _price(number: int) -> str:
    return f'<p class="price">{5 + number * 37 % 40}.00</p>'

"""What the example collects."""

from __future__ import annotations

from dataclasses import dataclass, field

from scrapy_proxywhirl import UsedProxy


@dataclass
class Offer:
    """
    A book as a list of the shop has it.

    Attributes:
        title: As the shop writes it.
        price: In the shop's currency.
        url: Of the book's page.
        proxy: What the list was fetched through; the pipeline leaves the label of it.
    """

    title: str
    price: float
    url: str
    proxy: UsedProxy | str


@dataclass
class Book:
    """
    A book as its own page has it.

    Attributes:
        title: As the shop writes it.
        price: In the shop's currency.
        url: Of its page.
        proxy: What it was fetched through; the pipeline leaves the label of it.
    """

    title: str
    price: float
    url: str
    proxy: UsedProxy | str


@dataclass
class Basket:
    """
    What a visitor has put into the basket.

    Attributes:
        visitor: Their number.
        titles: Of the books in it.
        proxy: What all of it went through; the pipeline leaves the label of it.
    """

    visitor: int
    titles: list[str] = field(default_factory=list)
    proxy: UsedProxy | str | None = None

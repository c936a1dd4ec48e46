"""What the example collects."""

from __future__ import annotations

from dataclasses import dataclass

from scrapy_proxywhirl import UsedProxy


@dataclass
class Book:
    """
    A book of the shop.

    Attributes:
        title: As the shop writes it.
        price: In the shop's currency.
        url: Of its page.
        proxy: What it was fetched through; the pipeline leaves the label of it.
    """

    title: str
    price: float
    url: str
    proxy: UsedProxy | str | None = None

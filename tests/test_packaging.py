from __future__ import annotations

from importlib.metadata import distribution

import scrapy_proxywhirl


def test_the_version_is_the_distributions() -> None:
    assert distribution("scrapy-proxywhirl").version == scrapy_proxywhirl.__version__


def test_the_command_is_registered() -> None:
    (entry_point,) = distribution("scrapy-proxywhirl").entry_points.select(group="scrapy.commands")

    assert entry_point.name == "proxies"
    assert entry_point.load().__name__ == "Command"


def test_every_public_name_is_there() -> None:
    assert scrapy_proxywhirl.__all__ == sorted(scrapy_proxywhirl.__all__)
    assert all(hasattr(scrapy_proxywhirl, name) for name in scrapy_proxywhirl.__all__)

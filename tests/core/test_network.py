from __future__ import annotations

import pytest

from scrapy_proxywhirl import Proxy


@pytest.mark.parametrize(
    ("host", "group"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("[2001:db8:1:2::7]", "2001:db8:1::/48"),
        ("[::ffff:203.0.113.7]", "203.0.113.0/24"),
        ("proxy.example", None),
        ("proxy7.example", None),
        ("localhost", None),
        ("7.gate", None),
    ],
)
def test_a_proxy_is_in_the_group_of_its_network(host: str, group: str | None) -> None:
    assert Proxy(f"http://{host}:8000").group == group


def test_a_group_that_is_given_stands() -> None:
    assert Proxy("http://203.0.113.7:8000", group="cheap & co").group == "cheap & co"

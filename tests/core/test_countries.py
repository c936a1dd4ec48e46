from __future__ import annotations

from typing import Any

import pytest

from scrapy_proxywhirl import Proxy


@pytest.mark.parametrize(("given", "code"), [("DE", "DE"), ("gb", "GB"), ("Xk", "XK")])
def test_a_country_is_a_code_in_capitals(given: str, code: str) -> None:
    assert Proxy("http://h:1", country=given).country == code


@pytest.mark.parametrize("given", ["", None])
def test_a_proxy_may_be_of_no_country(given: str | None) -> None:
    assert Proxy("http://h:1", country=given).country is None


@pytest.mark.parametrize("given", ["ZZ", "DEU", "Germany", "D", 49])
def test_what_is_no_country_is_an_error(given: Any) -> None:
    with pytest.raises(ValueError, match=f"country is {given!r}; it must be an ISO 3166-1 code"):
        Proxy("http://h:1", country=given)


def test_the_uk_is_told_its_code() -> None:
    with pytest.raises(ValueError, match="the United Kingdom's is 'GB'"):
        Proxy("http://h:1", country="UK")


@pytest.mark.parametrize("tags", ["fast", 7, ["fast", 7]])
def test_tags_are_a_list_of_words(tags: Any) -> None:
    with pytest.raises(ValueError, match="it must be a list of words"):
        Proxy("http://h:1", tags=tags)

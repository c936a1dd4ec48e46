from __future__ import annotations

import time
from email.utils import formatdate

import pytest
from scrapy.http import Response

from scrapy_proxywhirl.retry_after import seconds_to_wait


def refusal(retry_after: str, status: int = 429, **headers: str) -> Response:
    named = {"Retry-After": retry_after, **headers}
    return Response("http://a.example", status=status, headers=named)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        (" 7 ", 7.0),
        ("0.5", 0.5),
        ("0", 0.0),
        ("-1", 0.0),
        ("", 0.0),
        ("soon", 0.0),
        ("1e3", 0.0),
        ("nan", 0.0),
        ("inf", 0.0),
        ("\u0663", 0.0),
        ("Mon, 99 Foo 2026 00:00:00 GMT", 0.0),
    ],
)
def test_a_refusal_may_say_in_how_many_seconds_to_come_back(value: str, seconds: float) -> None:
    assert seconds_to_wait(refusal(value)) == seconds


def test_without_a_word_there_is_nothing_to_wait_for() -> None:
    assert seconds_to_wait(Response("http://a.example", status=429)) == 0.0


def test_a_number_without_end_is_a_long_time() -> None:
    assert seconds_to_wait(refusal("9" * 400)) > 1e9


def test_a_date_is_told_by_the_clock_of_the_site() -> None:
    response = refusal("Fri, 31 Dec 1999 23:59:59 GMT", Date="Fri, 31 Dec 1999 23:58:59 GMT")

    assert seconds_to_wait(response) == 60.0


@pytest.mark.parametrize("date", ["", "yesterday"])
def test_without_the_time_of_the_site_ours_will_do(date: str) -> None:
    response = refusal(formatdate(time.time() + 100.0, usegmt=True), Date=date)

    assert seconds_to_wait(response) == pytest.approx(100.0, abs=10.0)


def test_a_date_without_a_zone_is_taken_for_utc() -> None:
    response = refusal("Fri, 31 Dec 1999 23:59:59 -0000", Date="Fri, 31 Dec 1999 23:59:00 GMT")

    assert seconds_to_wait(response) == 59.0


def test_what_is_over_is_not_waited_for() -> None:
    assert seconds_to_wait(refusal("Fri, 31 Dec 1999 23:59:59 GMT")) == 0.0


def test_when_a_site_will_be_well_again_says_nothing_of_whoever_asked() -> None:
    assert seconds_to_wait(refusal("120", status=503)) == 0.0
    assert seconds_to_wait(refusal("120", status=403)) == 120.0

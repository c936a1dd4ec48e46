from __future__ import annotations

import re
from collections.abc import Coroutine
from gzip import compress
from typing import Any

import pytest
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import TunnelError
from scrapy.exceptions import CloseSpider, IgnoreRequest, NotSupported
from scrapy.http import HtmlResponse, Response
from scrapy.utils.test import get_crawler
from twisted.internet import error
from twisted.web.client import ResponseFailed

from scrapy_proxywhirl import BanPolicy
from scrapy_proxywhirl.judge import GARBLED, Judge
from scrapy_proxywhirl.outcomes import (
    NETWORK_ERRORS,
    NEUTRAL,
    SUCCESS,
    Outcome,
    Verdict,
    is_timeout,
)

REQUEST = Request("http://example.com/")
POLICY = BanPolicy([403, 429, 502, 503, 504])
JUDGE = Judge(POLICY)


def verdict(on: Coroutine[Any, Any, Verdict]) -> Verdict:
    """Return what a judge says who has to wait for nothing."""
    with pytest.raises(StopIteration) as stop:
        on.send(None)
    said: Verdict = stop.value.value
    return said


def answer(status: int = 200, body: bytes = b"<title>a page</title>", **headers: str) -> Response:
    return HtmlResponse(
        REQUEST.url,
        status=status,
        body=body,
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        *[(status, SUCCESS) for status in (200, 206, 301, 302, 304, 400, 401, 404, 410, 500)],
        *[(status, Verdict(Outcome.BAN, str(status))) for status in (403, 429, 502, 503, 504)],
        (407, Verdict(Outcome.FAILURE, "407")),
    ],
)
def test_a_response_is_judged_by_its_status(status: int, expected: Verdict) -> None:
    assert verdict(JUDGE.on_response(REQUEST, answer(status))) == expected


@pytest.mark.parametrize("texts", [(), ("robot",)])
@pytest.mark.parametrize(
    ("status", "body", "encoding", "expected"),
    [
        (200, b"<title>a page</title>" * 9, "gzip", GARBLED),
        (404, b"<title>a page</title>" * 9, "br, X-Gzip", GARBLED),
        (200, b"<", "gzip", GARBLED),
        (403, b"<title>a page</title>" * 9, "gzip", Verdict(Outcome.BAN, "403")),
        (200, b"<title>a page</title>" * 9, "gzip, unheard-of", SUCCESS),
        (206, b"<title>a page</title>" * 9, "gzip", SUCCESS),
        (304, b"", "gzip", SUCCESS),
        (200, compress(b"<title>a page</title>", mtime=0), "gzip", SUCCESS),
    ],
)
def test_what_is_said_to_be_compressed_and_is_not_is_a_failure(
    texts: tuple[str, ...], status: int, body: bytes, encoding: str, expected: Verdict
) -> None:
    judge = Judge.from_crawler(get_crawler(settings_dict={"PROXYWHIRL_BAN_TEXT": texts}), BanPolicy)

    response = answer(status, body, content_encoding=encoding)

    assert verdict(judge.on_response(REQUEST, response)) == expected


@pytest.mark.parametrize(
    "exception",
    [
        error.ConnectionRefusedError(),
        error.ConnectionLost(),
        error.ConnectionDone(),
        error.DNSLookupError(),
        error.TCPTimedOutError(),
        TunnelError(),
        ConnectionResetError(),
        OSError(),
        *[kind() for kind in NETWORK_ERRORS if kind is not ResponseFailed],
        ResponseFailed([]) if ResponseFailed in NETWORK_ERRORS else error.ConnectionLost(),
    ],
    ids=lambda exception: type(exception).__name__,
)
def test_trouble_on_the_way_is_a_failure_under_its_name(exception: Exception) -> None:
    assert verdict(JUDGE.on_exception(REQUEST, exception)) == Verdict(
        Outcome.FAILURE, type(exception).__name__
    )


@pytest.mark.parametrize(
    "exception",
    [
        IgnoreRequest(),
        CloseSpider(),
        NotSupported(),
        NotImplementedError(),
        KeyError(),
        ValueError(),
    ],
    ids=lambda exception: type(exception).__name__,
)
def test_what_is_no_proxys_fault_is_neutral(exception: Exception) -> None:
    assert verdict(JUDGE.on_exception(REQUEST, exception)) == NEUTRAL


def test_timeouts_are_known_by_name() -> None:
    assert is_timeout(error.TimeoutError())
    assert any("Timeout" in kind.__name__ for kind in NETWORK_ERRORS)
    assert not is_timeout(error.ConnectionRefusedError())


class OwnPolicy:
    """As users of other middlewares have them: two methods, nothing else."""

    def __init__(self, answer: bool | None) -> None:
        self.answer = answer

    def response_is_ban(self, request: Request, response: Response) -> bool:
        return b"captcha" in response.body

    def exception_is_ban(self, request: Request, exception: Exception) -> bool | None:
        return self.answer


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (True, Verdict(Outcome.BAN, "ConnectionLost")),
        (False, NEUTRAL),
        (None, Verdict(Outcome.FAILURE, "ConnectionLost")),
    ],
)
def test_a_policy_of_ones_own_has_the_word(answer: bool | None, expected: Verdict) -> None:
    judge = Judge(OwnPolicy(answer))  # type: ignore[arg-type]
    captcha = Response(REQUEST.url, body=b"a captcha")

    assert verdict(judge.on_response(REQUEST, captcha)) == Verdict(Outcome.BAN, "200")
    assert verdict(judge.on_exception(REQUEST, error.ConnectionLost())) == expected


def test_the_statuses_come_from_the_setting() -> None:
    policy = BanPolicy.from_crawler(get_crawler(settings_dict={"PROXYWHIRL_BAN_STATUSES": [418]}))

    assert policy.response_is_ban(REQUEST, Response(REQUEST.url, status=418))
    assert not policy.response_is_ban(REQUEST, Response(REQUEST.url, status=403))


def test_nothing_with_status_200_is_a_ban_where_a_page_was_asked_for() -> None:
    empty = answer(body=b"")

    assert verdict(JUDGE.on_response(REQUEST, empty)) == Verdict(Outcome.BAN, "empty")
    assert verdict(JUDGE.on_response(REQUEST.replace(method="HEAD"), empty)) == SUCCESS
    assert verdict(JUDGE.on_response(REQUEST.replace(method="POST"), empty)) == SUCCESS
    assert verdict(JUDGE.on_response(REQUEST, answer(204, b""))) == SUCCESS


def test_no_status_of_a_robots_txt_is_a_ban() -> None:
    request = Request("http://example.com/robots.txt")

    assert verdict(JUDGE.on_response(request, answer(404))) == SUCCESS
    # Nor is it a success: a proxy that refuses everything is not fast.
    assert verdict(JUDGE.on_response(request, answer(403))) == NEUTRAL


@pytest.mark.parametrize(
    ("text", "body", "is_ban"),
    [
        ("Are you a robot?", b"<p>Are you a robot?", True),
        ("Are you a robot?", b"<p>Are you a rob", False),
        (re.compile("captcha", re.IGNORECASE), b"<p>CAPTCHA", True),
        (re.compile("^captcha"), b"<p>captcha", False),
    ],
)
def test_a_text_makes_a_ban(text: str | re.Pattern[str], body: bytes, is_ban: bool) -> None:
    judge = Judge(BanPolicy([], ["something else", text]))

    expected = Verdict(Outcome.BAN, "text") if is_ban else SUCCESS
    assert verdict(judge.on_response(REQUEST, answer(body=body))) == expected


def test_no_text_is_looked_for_in_what_is_none() -> None:
    judge = Judge(BanPolicy([], ["captcha"]))

    assert verdict(judge.on_response(REQUEST, Response(REQUEST.url, body=b"captcha"))) == SUCCESS


@pytest.mark.parametrize(
    ("body", "texts", "expected"),
    [
        (b"a captcha" * 100, ["captcha"], Verdict(Outcome.BAN, "text")),
        (b"a page" * 100, ["captcha"], SUCCESS),
        (b"", [], Verdict(Outcome.BAN, "empty")),
    ],
)
def test_what_is_judged_is_decompressed_and_what_is_handed_on_is_not(
    body: bytes, texts: list[str], expected: Verdict
) -> None:
    crawler = get_crawler(settings_dict={"PROXYWHIRL_BAN_TEXT": texts})
    judge = Judge.from_crawler(crawler, BanPolicy)
    headers = {"Content-Encoding": "gzip", "Content-Type": "text/html"}
    compressed = compress(body)
    response = Response(REQUEST.url, body=compressed, headers=headers)

    assert verdict(judge.on_response(REQUEST, response)) == expected
    assert response.body == compressed
    assert response.headers["Content-Encoding"] == b"gzip"


class OwnSpider:
    """As users of scrapy-rotating-proxies have them."""

    def response_is_ban(self, request: Request, response: Response) -> bool | None:
        return True if b"banned" in response.body else None

    def exception_is_ban(self, request: Request, exception: Exception) -> bool | None:
        return None


def test_a_spiders_methods_are_asked_in_place_of_the_policy() -> None:
    judge = Judge(POLICY, OwnSpider())
    refused = error.ConnectionRefusedError()

    banned = answer(404, b"you are banned")
    assert verdict(judge.on_response(REQUEST, banned)) == Verdict(Outcome.BAN, "404")
    assert verdict(judge.on_response(REQUEST, answer(403))) == SUCCESS
    assert verdict(judge.on_exception(REQUEST, refused)).outcome is Outcome.FAILURE


class AsyncPolicy:
    async def response_is_ban(self, request: Request, response: Response) -> bool:
        return response.status == 418

    async def exception_is_ban(self, request: Request, exception: Exception) -> bool:
        return True


def test_a_policy_may_be_async() -> None:
    judge = Judge(AsyncPolicy())  # type: ignore[arg-type]

    assert verdict(judge.on_response(REQUEST, answer(418))) == Verdict(Outcome.BAN, "418")
    assert verdict(judge.on_response(REQUEST, answer(403))) == SUCCESS
    assert verdict(judge.on_exception(REQUEST, KeyError())) == Verdict(Outcome.BAN, "KeyError")


@pytest.mark.parametrize(
    "message",
    [
        "Could not open CONNECT tunnel with proxy p:1 [{'status': 407, 'reason': b'Wrong'}]",
        "407, message='Proxy Authentication Required'",
        "407 Proxy Authentication Required",
    ],
)
def test_a_407_is_read_out_of_what_a_tunnels_refusal_says(message: str) -> None:
    wrong = OSError(message)

    assert verdict(JUDGE.on_exception(REQUEST, wrong)) == Verdict(Outcome.FAILURE, "407")


def test_another_number_in_an_error_is_no_407() -> None:
    lost = OSError("connection to p:407 lost after 14070 bytes")

    assert verdict(JUDGE.on_exception(REQUEST, lost)) == Verdict(Outcome.FAILURE, "OSError")

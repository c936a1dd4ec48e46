from __future__ import annotations

import pytest
from scrapy import Request
from scrapy.core.downloader.handlers.http11 import TunnelError
from scrapy.exceptions import CloseSpider, IgnoreRequest, NotSupported
from scrapy.http import Response
from scrapy.utils.test import get_crawler
from twisted.internet import error
from twisted.web.client import ResponseFailed

from scrapy_proxywhirl import BanPolicy
from scrapy_proxywhirl.outcomes import (
    NETWORK_ERRORS,
    NEUTRAL,
    SUCCESS,
    Outcome,
    Verdict,
    is_timeout,
    verdict_on_exception,
    verdict_on_response,
)

REQUEST = Request("http://example.com/")
POLICY = BanPolicy([403, 429, 502, 503, 504])


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        *[(status, SUCCESS) for status in (200, 206, 301, 302, 304, 400, 401, 404, 410, 500)],
        *[(status, Verdict(Outcome.BAN, str(status))) for status in (403, 429, 502, 503, 504)],
        (407, Verdict(Outcome.FAILURE, "407")),
    ],
)
def test_a_response_is_judged_by_its_status(status: int, verdict: Verdict) -> None:
    assert verdict_on_response(POLICY, REQUEST, Response(REQUEST.url, status=status)) == verdict


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
    assert verdict_on_exception(POLICY, REQUEST, exception) == Verdict(
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
    assert verdict_on_exception(POLICY, REQUEST, exception) == NEUTRAL


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
    ("answer", "verdict"),
    [
        (True, Verdict(Outcome.BAN, "ConnectionLost")),
        (False, NEUTRAL),
        (None, Verdict(Outcome.FAILURE, "ConnectionLost")),
    ],
)
def test_a_policy_of_ones_own_has_the_word(answer: bool | None, verdict: Verdict) -> None:
    policy = OwnPolicy(answer)
    captcha = Response(REQUEST.url, body=b"a captcha")

    assert verdict_on_response(policy, REQUEST, captcha) == Verdict(Outcome.BAN, "200")  # type: ignore[arg-type]
    assert verdict_on_exception(policy, REQUEST, error.ConnectionLost()) == verdict  # type: ignore[arg-type]


def test_the_statuses_come_from_the_setting() -> None:
    policy = BanPolicy.from_crawler(get_crawler(settings_dict={"PROXYWHIRL_BAN_STATUSES": [418]}))

    assert policy.response_is_ban(REQUEST, Response(REQUEST.url, status=418))
    assert not policy.response_is_ban(REQUEST, Response(REQUEST.url, status=403))

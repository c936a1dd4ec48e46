"""``scrapy proxies check``: each proxy of a pool, tried for real."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from ipaddress import ip_address
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

from scrapy import Request
from scrapy.http import TextResponse

from scrapy_proxywhirl.commands.pool import PoolSpider, run
from scrapy_proxywhirl.zyte_api import WITHOUT_IT

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from scrapy.http import Response
    from scrapy.settings import Settings
    from twisted.python.failure import Failure

    from scrapy_proxywhirl import Proxy

# What a proxy may tell a site of itself, or of whom it works for.
_TELLING = frozenset(
    (
        "client-ip",
        "forwarded",
        "proxy-authorization",
        "proxy-connection",
        "true-client-ip",
        "via",
        "x-client-ip",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-proxy-id",
        "x-real-ip",
    )
)

# What the address of who asks is called in pages that tell it.
_ADDRESS_NAMES = ("origin", "ip", "query", "ip_addr", "ip_address", "address", "clientIp")

_ADDRESS = re.compile(r"[0-9a-fA-F:.]{3,45}")

# Of a page that should tell an address not more than this is looked at, in characters.
_LOOKED_AT = 100_000


@dataclass(slots=True, eq=False)
class Check:
    """
    What came of trying a proxy.

    Attributes:
        proxy: Which one.
        answers: How many came that were none of a refusal.
        latencies_ms: Of those, where the download handler measures them.
        https: Whether an HTTPS page came; None where that was not tried.
        exit_ip: The address that the site sees, where its page tells it.
        telling: Names of headers that the site sees and that tell of a proxy; None where its page
            does not tell what it sees.
        error: What went wrong first; empty where nothing did.
        is_done: Whether it has been tried to the end.
    """

    proxy: Proxy
    answers: int = 0
    latencies_ms: list[float] = field(default_factory=list)
    https: bool | None = None
    exit_ip: str | None = None
    telling: list[str] | None = None
    error: str = ""
    is_done: bool = False

    @property
    def works(self) -> bool:
        """Whether an answer came, and nothing went wrong before."""
        return self.answers > 0

    @property
    def median_ms(self) -> float | None:
        """Of the latencies; None where none was measured."""
        return median(self.latencies_ms) if self.latencies_ms else None

    @property
    def p95_ms(self) -> float | None:
        """The 95th percentile of the latencies, interpolated between two of them."""
        if len(self.latencies_ms) < 2:
            return self.median_ms
        return quantiles(self.latencies_ms, n=20, method="inclusive")[-1]

    @property
    def anonymity(self) -> str | None:
        """``"elite"`` where the site sees no proxy; ``"visible"`` otherwise; None if unknown."""
        if self.telling is None:
            return None
        return "visible" if self.telling else "elite"


@dataclass(frozen=True, slots=True)
class Trial:
    """
    How each proxy is tried.

    Attributes:
        url: What is asked for through it.
        https_url: What is asked for when that came; empty for nothing.
        rounds: How often *url* is asked for; no more once it went wrong.
        timeout: Seconds that each may take.
        concurrency: How many proxies are tried at a time.
    """

    url: str
    https_url: str
    rounds: int = 3
    timeout: float = 10.0
    concurrency: int = 500


class CheckSpider(PoolSpider):
    """Tries each proxy of the pool."""

    def __init__(self, trial: Trial, found: Callable[[int], None], tried: Callable[[], None]):
        super().__init__()
        self.trial = trial
        self.checks: list[Check] = []
        self._found = found
        self._tried = tried

    async def start(self) -> AsyncIterator[Request]:
        """Ask through each."""
        middleware = await self.wait_for_pool()
        if middleware is None:
            return
        self.checks = [Check(proxy) for proxy in middleware.pool]
        self._found(len(self.checks))
        for check in self.checks:
            yield self._ask(check, self.trial.url)

    def answered(self, response: Response, check: Check) -> Request | None:
        """Take what a site, or the proxy, has said."""
        if response.status >= 400:
            return self._went_wrong(check, f"status {response.status}")
        check.answers += 1
        if "download_latency" in response.meta:
            check.latencies_ms.append(1000.0 * response.meta["download_latency"])
        if check.answers == 1:
            check.exit_ip, check.telling = told_by(response)
        if check.answers < self.trial.rounds:
            return self._ask(check, self.trial.url)
        return self._end(check)

    def failed(self, failure: Failure) -> Request | None:
        """Take note that nothing came."""
        check: Check = failure.request.cb_kwargs["check"]  # type: ignore[attr-defined]
        return self._went_wrong(check, reason_of(failure.value))

    def https_answered(self, response: Response, check: Check) -> None:
        """Take note of what came by HTTPS."""
        check.https = response.status < 400
        self._done(check)

    def https_failed(self, failure: Failure) -> None:
        """Take note that nothing came by HTTPS."""
        check: Check = failure.request.cb_kwargs["check"]  # type: ignore[attr-defined]
        check.https = False
        check.error = check.error or f"HTTPS: {reason_of(failure.value)}"
        self._done(check)

    def _went_wrong(self, check: Check, reason: str) -> Request | None:
        check.error = reason
        return self._end(check)

    def _end(self, check: Check) -> Request | None:
        if check.works and self.trial.https_url:
            return self._ask(check, self.trial.https_url, is_https=True)
        self._done(check)
        return None

    def _done(self, check: Check) -> None:
        check.is_done = True
        self._tried()

    def _ask(self, check: Check, url: str, is_https: bool = False) -> Request:
        return Request(
            url,
            self.https_answered if is_https else self.answered,
            errback=self.https_failed if is_https else self.failed,
            dont_filter=True,
            cb_kwargs={"check": check},
            meta={
                "proxywhirl": False,
                **WITHOUT_IT,
                "proxy": check.proxy.url_with_credentials,
                "download_timeout": self.trial.timeout,
                "dont_cache": True,
                "dont_merge_cookies": True,
                "dont_obey_robotstxt": True,
                "dont_redirect": True,
                "dont_retry": True,
                "handle_httpstatus_all": True,
            },
        )


def run_check(
    settings: Settings,
    sources: list[str],
    trial: Trial,
    found: Callable[[int], None],
    tried: Callable[[], None],
) -> list[Check]:
    """
    Try the proxies of a project, or of other sources.

    Args:
        settings: Of the project.
        sources: As PROXYWHIRL_SOURCES may have them; where there are none, the project's serve.
        trial: How each is tried.
        found: Is told how many there are.
        tried: Is called when one has been tried.

    Returns:
        What came of it, in the order of the pool, of those that were to be tried.

    Raises:
        UsageError: The settings are not allowed, have no proxy, or disable the middleware.
    """
    own: dict[str, Any] = {
        "AUTOTHROTTLE_ENABLED": False,
        "CONCURRENT_ITEMS": 1,  # so many tasks are made for each answer
        "CONCURRENT_REQUESTS": trial.concurrency,
        "CONCURRENT_REQUESTS_PER_DOMAIN": trial.concurrency,
        "CONCURRENT_REQUESTS_PER_IP": 0,
        "COOKIES_ENABLED": False,
        "DOWNLOAD_SLOTS": {},
        "HTTPCACHE_ENABLED": False,
        "PROXYWHIRL_REFRESH_INTERVAL": 0,
    }
    if sources:
        own |= {"PROXYWHIRL_PROXIES": [], "PROXYWHIRL_SOURCES": sources}
    return run(settings, CheckSpider, own, trial=trial, found=found, tried=tried).checks


def told_by(response: Response) -> tuple[str | None, list[str] | None]:
    """
    Read what a page tells of who asks for it.

    Args:
        response: A page as httpbin.org has it, JSON with an address and ``"headers"``, or one that
            has an address and nothing else.

    Returns:
        The address, and the names of the headers that tell of a proxy; None for what it does not
        tell.
    """
    text = response.text[:_LOOKED_AT] if isinstance(response, TextResponse) else ""
    try:
        page = json.loads(text)
    except (ValueError, RecursionError):  # no JSON, or made to be nested too deeply
        return _address(text), None
    if not isinstance(page, dict):
        return _address(page), None
    addresses = (_address(page.get(name)) for name in _ADDRESS_NAMES)
    headers = page.get("headers")
    telling = None
    if isinstance(headers, dict):
        telling = sorted(name for name in headers if str(name).lower() in _TELLING)
    return next(filter(None, addresses), None), telling


def reason_of(error: BaseException | None) -> str:
    """Say what went wrong in a word, as the stats have it."""
    reasons = getattr(error, "reasons", None)  # as of ResponseFailed
    if reasons:
        error = getattr(reasons[0], "value", error)
    return type(error).__name__


def _address(value: Any) -> str | None:
    """Return the first address in a text that has nothing else but commas."""
    if not isinstance(value, str):
        return None
    for word in _words(value):
        try:
            return str(ip_address(word))
        except ValueError:
            return None
    return None


def _words(text: str) -> Iterator[str]:
    for part in text.split(","):
        word = part.strip()
        if _ADDRESS.fullmatch(word):
            yield word

"""What came back, and what it says of the proxy that it came through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, cast

from scrapy.settings.default_settings import RETRY_EXCEPTIONS
from scrapy.utils.misc import load_object

from scrapy_proxywhirl.settings import read_ban_statuses

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

PROXY_AUTHENTICATION_REQUIRED = 407

# What Scrapy retries by default is what it takes for trouble on the way, under the names that this
# version of it, and its download handlers, have for it. Anything else, as an IgnoreRequest or a
# scheme that the handler does not speak, is no proxy's fault.
NETWORK_ERRORS: tuple[type[BaseException], ...] = tuple(
    load_object(cast("str | type[BaseException]", name)) for name in RETRY_EXCEPTIONS
)


class Outcome(Enum):
    """What an attempt says of its proxy."""

    SUCCESS = "success"
    BAN = "ban"
    FAILURE = "failure"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Verdict:
    """
    An outcome and what it came from.

    Attributes:
        outcome: What the attempt says of its proxy.
        reason: A status or an exception's name, as it stands in the stats; empty where the outcome
            says all.
    """

    outcome: Outcome
    reason: str = ""


SUCCESS = Verdict(Outcome.SUCCESS)
NEUTRAL = Verdict(Outcome.NEUTRAL)


class BanPolicy:
    """
    Tells bans from answers, by the response's status.

    Subclass it, or write a class with these two methods, and name it in PROXYWHIRL_BAN_POLICY. A
    ``from_crawler`` class method is used where there is one.

    Args:
        statuses: The statuses that are bans.
    """

    def __init__(self, statuses: Collection[int]) -> None:
        self.statuses = frozenset(statuses)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Take the statuses from PROXYWHIRL_BAN_STATUSES."""
        return cls(read_ban_statuses(crawler.settings))

    def response_is_ban(self, request: Request, response: Response) -> bool:
        """Tell whether *response* is a refusal. Its body is as it was sent: maybe compressed."""
        return response.status in self.statuses

    def exception_is_ban(self, request: Request, exception: Exception) -> bool | None:
        """Tell whether *exception* is a refusal; None where its kind is to decide what it is."""
        return None


def verdict_on_response(policy: BanPolicy, request: Request, response: Response) -> Verdict:
    """Judge an attempt by the *response* that a download handler brought."""
    if response.status == PROXY_AUTHENTICATION_REQUIRED:
        return Verdict(Outcome.FAILURE, str(response.status))
    if policy.response_is_ban(request, response):
        return Verdict(Outcome.BAN, str(response.status))
    return SUCCESS


def verdict_on_exception(policy: BanPolicy, request: Request, exception: Exception) -> Verdict:
    """Judge an attempt by the *exception* that it ended in."""
    is_ban = policy.exception_is_ban(request, exception)
    name = type(exception).__name__
    if is_ban:
        return Verdict(Outcome.BAN, name)
    if is_ban is None and isinstance(exception, NETWORK_ERRORS):
        return Verdict(Outcome.FAILURE, name)
    return NEUTRAL


def is_timeout(exception: Exception) -> bool:
    """Tell whether *exception* is a time-out, under whichever name a handler has for it."""
    return "timeout" in type(exception).__name__.lower()

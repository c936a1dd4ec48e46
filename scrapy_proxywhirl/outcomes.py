"""What came back, and what it says of the proxy that it came through."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from re import Pattern
from typing import TYPE_CHECKING, cast

from scrapy.exceptions import NotSupported
from scrapy.http import TextResponse
from scrapy.settings.default_settings import RETRY_EXCEPTIONS
from scrapy.utils.misc import load_object

from scrapy_proxywhirl.settings import read_ban_statuses, read_ban_texts

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response
    from typing_extensions import Self

# What Scrapy retries by default is what it takes for trouble on the way, under the names that this
# version of it, and its download handlers, have for it. Anything else, as an IgnoreRequest or a
# scheme that the handler does not speak, is no proxy's fault.
NETWORK_ERRORS: tuple[type[BaseException], ...] = tuple(
    load_object(cast("str | type[BaseException]", name)) for name in RETRY_EXCEPTIONS
)


# What the user's settings make impossible: a scheme that the handler does not speak.
CONFIGURATION_ERRORS = (NotImplementedError, NotSupported)


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
        is_impatience: Whether the attempt had less time than the request's own time-out.
        retry_after: Seconds for which a site that refuses has asked to be left alone; 0 where it
            has not.
    """

    outcome: Outcome
    reason: str = ""
    is_impatience: bool = False
    retry_after: float = 0.0


SUCCESS = Verdict(Outcome.SUCCESS)
NEUTRAL = Verdict(Outcome.NEUTRAL)


class BanPolicy:
    """
    Tells bans from answers: by status, by an empty page, and by texts.

    Subclass it, or write a class with these two methods, and name it in PROXYWHIRL_BAN_POLICY. A
    ``from_crawler`` class method is used where there is one. Either method may be ``async``, and
    a spider that has a method of the same name is asked in the policy's place.

    Args:
        statuses: The statuses that are bans.
        texts: What the text of a ban has in it: plain texts, compared as they stand, or compiled
            regular expressions.
    """

    def __init__(
        self, statuses: Collection[int], texts: Collection[str | Pattern[str]] = ()
    ) -> None:
        self.statuses = frozenset(statuses)
        self.texts = tuple(texts)

    @classmethod
    def from_crawler(cls, crawler: Crawler) -> Self:
        """Take PROXYWHIRL_BAN_STATUSES and PROXYWHIRL_BAN_TEXT."""
        return cls(read_ban_statuses(crawler.settings), read_ban_texts(crawler.settings))

    def response_is_ban(self, request: Request, response: Response) -> bool | str:
        """
        Tell whether *response*, whose body is decompressed, is a refusal.

        Returns:
            A word for the reason, as it is to stand in the stats, or True for the status;
            False where it is an answer.
        """
        if response.status in self.statuses:
            return True
        if response.status == 200 and not response.body and request.method == "GET":
            return "empty"
        return "text" if self.texts and self._has_text(response) else False

    def exception_is_ban(self, request: Request, exception: Exception) -> bool | None:
        """Tell whether *exception* is a refusal; None where its kind is to decide what it is."""
        return None

    def _has_text(self, response: Response) -> bool:
        if not isinstance(response, TextResponse):
            return False
        body = response.text
        return any(
            text in body if isinstance(text, str) else text.search(body) for text in self.texts
        )


def is_robots_txt(request: Request) -> bool:
    """Tell whether *request* asks a site what it allows."""
    return request.url.endswith("/robots.txt")


def is_timeout(exception: Exception) -> bool:
    """Tell whether *exception* is a time-out, under whichever name a handler has for it."""
    return "timeout" in type(exception).__name__.lower()

"""Whoever has the word on what came back, asked; and what they say, made a verdict."""

from __future__ import annotations

import re
from inspect import isawaitable
from typing import TYPE_CHECKING, cast

from scrapy.downloadermiddlewares.httpcompression import HttpCompressionMiddleware
from scrapy.utils.misc import build_from_crawler

from scrapy_proxywhirl.contexts import UNKNOWN_TO_PROXY, navigation_error
from scrapy_proxywhirl.outcomes import (
    NETWORK_ERRORS,
    NEUTRAL,
    SUCCESS,
    BanPolicy,
    Outcome,
    Verdict,
    is_robots_txt,
)
from scrapy_proxywhirl.retry_after import seconds_to_wait

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from typing import Any

    from scrapy import Request
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    Answer = bool | str | None

WRONG_CREDENTIALS = Verdict(Outcome.FAILURE, "407")

# Under the name that it would have further on, where Scrapy has no retry for it.
GARBLED = Verdict(Outcome.FAILURE, "BadGzipFile")

# What begins with anything else is not compressed by gzip.
_GZIP = b"\x1f\x8b"

# A compressed body of nothing is no longer than this, in bytes, under any encoding.
_NOTHING = 64

# How a refused CONNECT reads: of the default handler's TunnelError, and of the aiohttp and httpx
# handlers' errors.
_REFUSED_TUNNEL = re.compile(r"'status': (\d{3})|^(\d{3})\b")


class Judge:
    """
    Makes verdicts of what comes back.

    Args:
        policy: Tells bans from answers, unless the spider does.
        spider: Its ``response_is_ban(request, response)`` and ``exception_is_ban(request,
            exception)`` are asked where it has them.
        decoder: Decompresses what the policy sees; None for bodies as they are.
    """

    def __init__(
        self,
        policy: BanPolicy,
        spider: object = None,
        decoder: HttpCompressionMiddleware | None = None,
    ) -> None:
        self._response_is_ban = getattr(spider, "response_is_ban", policy.response_is_ban)
        self._exception_is_ban = getattr(spider, "exception_is_ban", policy.exception_is_ban)
        self._decoder = decoder
        # Policies but our own are taken to look at what a page says.
        self._looks_at_body = (
            self._response_is_ban != policy.response_is_ban
            or getattr(type(policy), "response_is_ban", None) is not BanPolicy.response_is_ban
            or bool(policy.texts)
        )

    @classmethod
    def from_crawler(cls, crawler: Crawler, policy: Any) -> Judge:
        """Build *policy*, a class, and what else it takes."""
        decoder = HttpCompressionMiddleware(crawler=crawler)
        decoder.stats = None  # the one that decompresses for the spider counts
        return cls(build_from_crawler(policy, crawler), crawler.spider, decoder)

    def ask(self, request: Request, response: Response) -> Answer | Awaitable[Answer]:
        """Ask policy or spider whether *response* is a ban."""
        seen = self._decompressed(request, response)
        return self._response_is_ban(request, seen) or False

    async def on_response(
        self,
        request: Request,
        response: Response,
        asked: Answer | Awaitable[Answer] = None,
    ) -> Verdict:
        """
        Judge an attempt by its response.

        Args:
            request: What was sent.
            response: What came back.
            asked: What :meth:`ask` has returned, where it was called before.
        """
        if response.status == 407:
            return WRONG_CREDENTIALS
        answer = self.ask(request, response) if asked is None else asked
        if answer is not False and isawaitable(answer):  # it is False nearly always
            answer = await answer
        if not answer:
            return GARBLED if is_garbled(response) else SUCCESS
        if response.status != 200 and is_robots_txt(request):
            return NEUTRAL  # a site may well refuse to say what it allows
        reason = answer if isinstance(answer, str) else str(response.status)
        return Verdict(Outcome.BAN, reason, retry_after=seconds_to_wait(response))

    async def on_exception(self, request: Request, exception: Exception) -> Verdict:
        """Judge an attempt by the exception that it ended in."""
        is_ban = self._exception_is_ban(request, exception)
        if isawaitable(is_ban):
            is_ban = await is_ban
        by_browser = navigation_error(exception)
        name = by_browser or type(exception).__name__
        if is_ban:
            return Verdict(Outcome.BAN, name)
        if is_ban is not None or not (by_browser or isinstance(exception, NETWORK_ERRORS)):
            return NEUTRAL
        refused = _REFUSED_TUNNEL.search(str(exception))
        if by_browser == UNKNOWN_TO_PROXY or (refused and "407" in refused.groups()):
            return WRONG_CREDENTIALS
        return Verdict(Outcome.FAILURE, name)

    def _decompressed(self, request: Request, response: Response) -> Response:
        if not self._looks_at_body and len(response.body) > _NOTHING:
            return response
        if self._decoder is None or "Content-Encoding" not in response.headers:
            return response
        if response.status == 206 or is_garbled(response):  # it cannot be, or not by itself
            return response
        # A copy: what the spider gets is decompressed further on, by Scrapy.
        return cast("Response", self._decoder.process_response(request, response.replace()))


def is_garbled(response: Response) -> bool:
    """
    Tell whether *response* is said to be compressed by gzip, and is not.

    Some proxies write into pages and leave the headers as they are; Scrapy loses such a page.
    """
    body = response.body
    if not body or body.startswith(_GZIP) or response.status == 206:  # a part may begin anyhow
        return False
    encodings = response.headers.get("Content-Encoding") or b""
    return encodings.rpartition(b",")[2].strip().lower() in (b"gzip", b"x-gzip")

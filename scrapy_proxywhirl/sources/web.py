"""A list that a web server has."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from scrapy import Request
from w3lib.http import basic_auth_header

from scrapy_proxywhirl.sources.base import Source, SourceError
from scrapy_proxywhirl.sources.formats import format_of, read_entries
from scrapy_proxywhirl.zyte_api import WITHOUT_IT

if TYPE_CHECKING:
    from scrapy.crawler import Crawler
    from scrapy.http import Response

    from scrapy_proxywhirl.sources.formats import Entries

# In seconds; a crawl that is over waits for what it has asked for.
_TIMEOUT = 30.0

_META = {
    "proxywhirl": False,  # it goes out as it would without us
    **WITHOUT_IT,
    "download_timeout": _TIMEOUT,
    "download_slot": "proxywhirl source",
    "dont_obey_robotstxt": True,
    "allow_offsite": True,
    "dont_merge_cookies": True,
    "dont_cache": True,
    "referrer_policy": "no-referrer",  # where it redirects to, the URL is nobody's business
}


# What is no key: a word, a number, and what is too short for one, as "v2".
_WORD = re.compile(r"[A-Za-z]{0,15}|[0-9]{1,8}|[A-Za-z0-9]{1,4}")
_BETWEEN_WORDS = re.compile(r"[-_.]")


class SourceRequest(Request):
    """A request whose URL may have a secret in it, which Scrapy's log is not to show."""

    def __str__(self) -> str:
        return f"<{self.method} {public_part(self.url)}>"

    __repr__ = __str__


class UrlSource(Source):
    """
    A list that a web server has, fetched by Scrapy's own downloader and not through the proxies.

    It goes through the downloader middlewares, with their retries and redirects.

    Args:
        url: Where it is. Credentials in it are sent as an Authorization header.

    Raises:
        ValueError: *url* is none.
    """

    def __init__(self, url: str) -> None:
        self.name = public_part(url)
        parts = urlsplit(url)  # which public_part() could, too
        userinfo, at, host = parts.netloc.rpartition("@")
        self._url = parts._replace(netloc=host).geturl()
        self._headers = {}
        if at:
            username, _, password = userinfo.partition(":")
            authorization = basic_auth_header(unquote(username), unquote(password), "utf-8")
            self._headers["Authorization"] = authorization
        self._seen: int | None = None

    async def read(self, crawler: Crawler) -> Entries | None:
        """
        Fetch it.

        Raises:
            SourceError: It cannot be had.
        """
        request = SourceRequest(self._url, headers=self._headers, meta=dict(_META))
        assert crawler.engine
        try:
            response: Response = await crawler.engine.download_async(request)
        except Exception as error:  # noqa: BLE001 (each download handler has its own)
            reason = str(error).replace(self._url, self.name)
            raise SourceError(f"cannot be fetched: {type(error).__name__} {reason}") from None
        if response.status != 200:
            raise SourceError(f"cannot be fetched: status {response.status}")
        seen = hash(response.body)
        if seen == self._seen:
            return None
        self._seen = seen
        content_type = (response.headers.get("Content-Type") or b"").decode("latin-1")
        return read_entries(response.body, format_of(urlsplit(self._url).path, content_type))


def public_part(url: str) -> str:
    """
    Return *url* without what may be secret: its credentials, query and fragment, and those parts of
    its path that are not plain words, as some vendors have a key there.

    Raises:
        ValueError: It is none.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # whose text may have the credentials in it
        raise ValueError("a URL that cannot be read") from None
    host = parts.netloc.rpartition("@")[2]
    path = "/".join(part if _is_plain(part) else "..." for part in parts.path.split("/"))
    return parts._replace(netloc=host, path=path, query="", fragment="").geturl()


def _is_plain(part: str) -> bool:
    return all(_WORD.fullmatch(word) for word in _BETWEEN_WORDS.split(part))

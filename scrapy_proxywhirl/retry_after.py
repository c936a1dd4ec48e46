"""How long a site asks to be left alone when it refuses a request."""

from __future__ import annotations

import re
from datetime import timezone
from email.utils import parsedate_to_datetime
from time import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy.http import Response

_SECONDS = re.compile(r"\d+(\.\d+)?", re.ASCII)


def seconds_to_wait(response: Response) -> float:
    """
    Return for how many seconds *response* says that whoever has asked is refused.

    That is what its Retry-After says, in seconds or as a date (RFC 9110, section 10.2.3), where its
    status is below 500: with another it says when the site will be well again, for everybody.

    Returns:
        At least 0; 0 where it says nothing, or what is no time.
    """
    value = _header(response, "Retry-After")
    if not value or response.status >= 500:
        return 0.0
    if _SECONDS.fullmatch(value):
        return float(value)
    until = _date(value)
    if until is None:
        return 0.0
    now = _date(_header(response, "Date"))  # the site's clock may not be ours
    return max(0.0, until - (time() if now is None else now))


def _header(response: Response, name: str) -> str:
    value: bytes | None = response.headers.get(name)
    return value.decode("latin-1").strip() if value else ""


def _date(value: str) -> float | None:
    """Return the date of a header in seconds since 1970; None where it is none."""
    try:
        date = parsedate_to_datetime(value)
    except ValueError:
        return None
    if date.tzinfo is None:  # it ends in -0000
        date = date.replace(tzinfo=timezone.utc)
    return date.timestamp()

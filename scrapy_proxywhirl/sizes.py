"""How much goes through a proxy, as far as Scrapy sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy import Request
    from scrapy.http import Headers, Response

_REQUEST_LINE = len("  HTTP/1.1\r\n\r\n")
_STATUS_LINE = len("HTTP/1.1 200 \r\n\r\n")


def size_of_request(request: Request) -> int:
    """Return the bytes of *request* as it is sent to a proxy, without those of a tunnel or TLS."""
    head = _REQUEST_LINE + len(request.method) + len(request.url)
    return head + _size_of_headers(request.headers) + len(request.body)


def size_of_response(response: Response) -> int:
    """Return the bytes of *response* as it came, compressed and with its headers."""
    return _STATUS_LINE + _size_of_headers(response.headers) + len(response.body)


def _size_of_headers(headers: Headers) -> int:
    size = 0
    for name, values in dict.items(headers):  # its own items() copies, for four times as long
        for value in values:
            size += len(name) + len(value) + len(": \r\n")
    return size

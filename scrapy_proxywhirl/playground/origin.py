"""The playground's web site: a small bookshop, and pages for tests."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from scrapy_proxywhirl.playground.messages import Message, read_message, response

BOOKS = 200
BOOKS_PER_PAGE = 20


class Origin:
    """
    The playground's web site.

    ``/`` and ``/page/2`` and so on list books, ``/book/1`` and so on show one, ``/status/404`` has
    that status, ``/in-turn/503/200`` the one and then the other, ``/redirect/book/1`` sends to
    ``/book/1``, ``/slow/2.5`` takes as many seconds, ``/slow-body/2.5`` does between its headers
    and its body (the proxy sees to that), ``/anything`` tells in JSON who asks, and with which
    headers, and any other path is a short page.

    Attributes:
        log: A record of each request: ``path``, ``via`` (the proxy that it came through, or None)
            and ``headers``.
    """

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []
        self._turns: Counter[str] = Counter()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer the requests of one connection."""
        while (request := await read_message(reader)) is not None:
            _, target, _ = request.start
            path = urlsplit(target).path
            self.log.append(
                {"path": path, "via": request.headers.get("via"), "headers": request.headers}
            )
            if path.startswith("/in-turn/"):
                path = self._in_turn(target, path)
            elif path.startswith("/slow/"):
                await asyncio.sleep(float(path.split("/")[2]))
            if path == "/anything":
                origin, *_ = writer.get_extra_info("peername")
                answer = response(200, _told(origin, request), content_type="application/json")
            else:
                answer = _answer(path)
            writer.write(answer.to_bytes())
        writer.close()

    def _in_turn(self, target: str, path: str) -> str:
        statuses = path.split("/")[2:]
        status = statuses[min(self._turns[target], len(statuses) - 1)]
        self._turns[target] += 1
        return f"/status/{status}"


def _answer(path: str) -> Message:
    match path.strip("/").split("/"):
        case [""]:
            return response(200, _listing(1))
        case ["page", number] if number.isdigit():
            return response(200, _listing(int(number)))
        case ["book", number] if number.isdigit():
            return response(200, _book(int(number)))
        case ["status", status] if status.isdigit():
            return response(int(status), b"<title>as you wished</title>")
        case ["slow-body", seconds]:
            return response(200, f"<title>{path}</title>".encode(), body_seconds=seconds)
        case ["redirect", *rest]:
            return response(302, location="/" + "/".join(rest))
    return response(200, f"<title>{path}</title>".encode())


def _told(origin: str, request: Message) -> bytes:
    return json.dumps({"origin": origin, "headers": request.headers}).encode()


def _listing(page: int) -> bytes:
    first = (page - 1) * BOOKS_PER_PAGE + 1
    books = "".join(
        f'<li><a class="book" href="/book/{number}">Book {number}</a></li>'
        for number in range(first, min(first + BOOKS_PER_PAGE, BOOKS + 1))
    )
    more = f'<a class="next" href="/page/{page + 1}">next</a>' if first + 20 <= BOOKS else ""
    return f"<title>Books, page {page}</title><ul>{books}</ul>{more}".encode()


def _book(number: int) -> bytes:
    price = 5 + number * 37 % 40
    return (
        f'<title>Book {number}</title><h1>Book {number}</h1><p class="price">{price}.00</p>'
    ).encode()

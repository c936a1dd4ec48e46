"""The playground's web site: a small bookshop, and pages for tests."""

from __future__ import annotations

import asyncio
import json
from asyncio import StreamReader, StreamWriter
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from scrapy_proxywhirl.playground import shop
from scrapy_proxywhirl.playground.messages import Message, read_request, response


class Origin:
    """
    The playground's web site.

    ``/`` and ``/page/2`` and so on list books, ``/book/1`` and so on show one, ``/basket/add/1``
    puts it into the visitor's basket, which ``/basket`` shows (see :class:`~.shop.Baskets`),
    ``/status/404`` has that status, ``/in-turn/503/200`` the one and then the other,
    ``/redirect/book/1`` sends to ``/book/1``, ``/slow/2.5`` takes as many seconds,
    ``/slow-body/2.5`` does between its headers and its body (the proxy sees to that), ``/anything``
    tells in JSON who asks, and with which headers, and any other path is a short page.

    Attributes:
        log: A record of each request: ``path``, ``via`` (the proxy that it came through, or None)
            and ``headers``.
    """

    def __init__(self) -> None:
        self.log: list[dict[str, Any]] = []
        self._turns: Counter[str] = Counter()
        self._baskets = shop.Baskets()

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer the requests of one connection."""
        while (request := await read_request(reader)) is not None:
            method, target, _ = request.start
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
                answer = self._answer(path, request)
            writer.write(answer.to_bytes(has_body=method != "HEAD"))
        writer.close()

    def _in_turn(self, target: str, path: str) -> str:
        statuses = path.split("/")[2:]
        status = statuses[min(self._turns[target], len(statuses) - 1)]
        self._turns[target] += 1
        return f"/status/{status}"

    def _answer(self, path: str, request: Message) -> Message:
        match path.strip("/").split("/"):
            case [""]:
                return shop.listing(1)
            case ["page", number] if number.isdigit():
                return shop.listing(int(number))
            case ["book", number] if number.isdigit():
                return shop.book(int(number))
            case ["basket"]:
                return self._baskets.answer(request, None)
            case ["basket", "add", number] if number.isdigit():
                return self._baskets.answer(request, int(number))
            case ["status", status] if status.isdigit():
                return response(int(status), b"<title>as you wished</title>")
            case ["slow-body", seconds]:
                return response(200, f"<title>{path}</title>".encode(), body_seconds=seconds)
            case ["redirect", *rest]:
                return response(302, location="/" + "/".join(rest))
        return response(200, f"<title>{path}</title>".encode())


def _told(origin: str, request: Message) -> bytes:
    return json.dumps({"origin": origin, "headers": request.headers}).encode()

"""A loopback proxy that behaves as it is told."""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from base64 import b64decode
from collections import defaultdict
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import replace
from functools import partial
from math import ceil
from random import Random
from time import monotonic
from typing import Any
from urllib.parse import urlsplit

from scrapy_proxywhirl.playground import socks
from scrapy_proxywhirl.playground.messages import Message, read_request, read_response, response
from scrapy_proxywhirl.playground.spec import Fault, ProxySpec

_Connection = tuple[StreamReader, StreamWriter]

_ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


class LoopbackProxy:
    """
    A proxy on a port of this machine: for HTTP, plain requests and CONNECT, or for SOCKS 5.

    Args:
        name: What it calls itself in the Via header.
        spec: How it is to behave; may be exchanged at any time, but for :attr:`Fault.REFUSE`.
        received: Called with each request, before it is answered.

    Attributes:
        log: A record of each request: ``proxy`` (its name), ``url`` (for a tunnel, ``host:port``)
            and ``username`` (None without credentials).
    """

    def __init__(self, name: str, spec: ProxySpec, received: Callable[[], None]) -> None:
        self.name = name
        self.spec = spec
        self._received = received
        self.log: list[dict[str, Any]] = []
        self._rng = Random(name)
        self._asked: list[float] = []  # when, within the last second
        self._banned_until = 0.0
        self._capacity = 0
        self._places: AbstractAsyncContextManager[None] = nullcontext()
        self._idle: defaultdict[str, list[_Connection]] = defaultdict(list)

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer the requests of one connection."""
        if self.spec.scheme == "socks5":
            await self._serve_socks(reader, writer)
            return
        try:
            while (request := await read_request(reader)) is not None:
                if not await self._answer(request, reader, writer):
                    break
                await writer.drain()
        except ConnectionError:
            pass  # the client is gone, and what it would have been answered with it
        finally:
            writer.close()

    async def _serve_socks(self, reader: StreamReader, writer: StreamWriter) -> None:
        """Answer the one request that a connection of this kind has."""
        self._received()
        spec = self._draw()
        try:
            if spec.fault is Fault.HANG:
                await reader.read()
                return
            if spec.fault is Fault.RESET:
                _reset(writer)
                return
            request = await socks.read_request(reader, writer, partial(_may_pass, spec))
            self.log.append(
                {"proxy": self.name, "url": request.target, "username": request.username}
            )
            if spec.fault is Fault.STATUS:
                writer.write(socks.reply(socks.NOT_ALLOWED))
            elif request.target:
                async with self._place(spec.capacity):
                    await asyncio.sleep(spec.latency)
                opened, failed = socks.reply(socks.SUCCEEDED), socks.reply(socks.UNREACHABLE)
                await _tunnel(request.target, reader, writer, opened, failed)
        except (ConnectionError, IncompleteReadError):
            pass  # the client is gone
        finally:
            writer.close()

    async def _answer(self, request: Message, reader: StreamReader, writer: StreamWriter) -> bool:
        """Answer one request; return whether the connection is kept."""
        self._received()
        spec = self._draw()
        method, target, _ = request.start
        username, password = _credentials(request)
        self.log.append({"proxy": self.name, "url": target, "username": username})
        if spec.fault is Fault.HANG:
            await reader.read()
            return False
        if spec.fault is Fault.RESET:
            _reset(writer)
            return False
        has_body = method != "HEAD"
        if spec.fault is Fault.STATUS:
            page = _page_of_its_own(spec, request, self._banned_until - monotonic())
            writer.write(page.to_bytes(has_body=has_body))
            return True
        if not _may_pass(spec, username, password):
            challenge = 'Basic realm="playground"'
            writer.write(response(407, proxy_authenticate=challenge).to_bytes())
            return True
        async with self._place(spec.capacity):
            await asyncio.sleep(spec.latency)
        if method == "CONNECT":
            await _tunnel(target, reader, writer, _ESTABLISHED, response(502).to_bytes())
            return False
        return await _send(await self._forward(request), has_body, spec, writer)

    def _draw(self) -> ProxySpec:
        """Return how it is to behave for one request."""
        if self.spec.most_a_second and self._is_banned(monotonic()):
            return replace(self.spec, fault=Fault.STATUS)
        if self._rng.random() < self.spec.fault_share:
            return self.spec
        return replace(self.spec, fault=Fault.NONE)

    def _is_banned(self, now: float) -> bool:
        """Tell whether it is banned, or from this request on."""
        self._asked = [one for one in self._asked if now - one < 1.0]
        self._asked.append(now)
        if now >= self._banned_until and len(self._asked) > self.spec.most_a_second:
            self._banned_until = now + self.spec.ban_seconds
        return now < self._banned_until

    def _place(self, capacity: int) -> AbstractAsyncContextManager[None]:
        if capacity != self._capacity:
            self._capacity = capacity
            self._places = asyncio.Semaphore(capacity) if capacity else nullcontext()
        return self._places

    async def _forward(self, request: Message) -> Message:
        method, target, version = request.start
        url = urlsplit(target)
        path = f"{url.path or '/'}?{url.query}" if url.query else url.path or "/"
        headers = {
            name: value for name, value in request.headers.items() if not name.startswith("proxy-")
        }
        headers["via"] = f"1.1 {self.name}"
        message = Message((method, path, version), headers, request.body).to_bytes()
        idle = self._idle[url.netloc]
        while True:
            is_new = not idle
            try:
                reader, writer = await _connect(url.netloc) if is_new else idle.pop()
            except OSError:
                break
            writer.write(message)
            answer = await read_response(reader, method)
            if answer is not None:
                page, is_kept = answer
                if is_kept:
                    idle.append((reader, writer))
                else:
                    writer.close()
                return page
            writer.close()
            if is_new:  # an idle one may have been closed meanwhile
                break
        return response(502, b"<title>the site cannot be reached</title>")


async def _send(answer: Message, has_body: bool, spec: ProxySpec, writer: StreamWriter) -> bool:
    """Send *answer* as *spec* has it; return whether the connection is kept."""
    if spec.fault is Fault.GARBLE:
        answer.headers["content-encoding"] = "gzip"
    head, end, body = answer.to_bytes(has_body=has_body).partition(b"\r\n\r\n")
    writer.write(head + end)
    await asyncio.sleep(float(answer.headers.get("body-seconds", spec.body_seconds)))
    if spec.fault is Fault.RESET_BODY:
        await asyncio.sleep(0.05)  # so that the headers arrive, and are not lost with the rest
        _reset(writer)
        return False
    if spec.fault is Fault.CUT:
        writer.write(body[: len(body) // 2])
        return False
    if spec.byte_seconds:
        for place in range(len(body)):
            await asyncio.sleep(spec.byte_seconds)
            writer.write(body[place : place + 1])
    else:
        writer.write(body)
    return True


async def _connect(netloc: str) -> _Connection:
    host, _, port = netloc.rpartition(":")
    return await asyncio.open_connection(host or netloc, int(port or 80))


async def _tunnel(
    target: str, reader: StreamReader, writer: StreamWriter, opened: bytes, failed: bytes
) -> None:
    try:
        upstream_reader, upstream_writer = await _connect(target)
    except OSError:
        writer.write(failed)
        return
    writer.write(opened)
    await asyncio.gather(_copy(reader, upstream_writer), _copy(upstream_reader, writer))


async def _copy(reader: StreamReader, writer: StreamWriter) -> None:
    try:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # one end is gone: so is the tunnel
    finally:
        writer.close()


def _credentials(request: Message) -> tuple[str | None, str | None]:
    header = request.headers.get("proxy-authorization")
    if header is None:
        return None, None
    username, _, password = b64decode(header.partition(" ")[2]).decode("latin-1").partition(":")
    return username, password


def _may_pass(spec: ProxySpec, username: str | None, password: str | None) -> bool:
    if username is None:
        return spec.takes_anonymous or not spec.credentials
    return not spec.credentials or spec.credentials.get(username) == password


def _page_of_its_own(spec: ProxySpec, request: Message, banned_for: float) -> Message:
    body = spec.body.encode()
    headers = {}
    if body and "gzip" in request.headers.get("accept-encoding", ""):
        body = gzip.compress(body)
        headers["content_encoding"] = "gzip"
    if spec.tells_when:
        headers["retry_after"] = str(max(0, ceil(banned_for)))
    return response(spec.status, body, **headers)


def _reset(writer: StreamWriter) -> None:
    if writer.transport.is_closing():
        return  # the client is gone
    # A linger time of zero makes the system send RST in place of FIN.
    sock = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()

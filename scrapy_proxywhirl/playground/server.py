"""The playground's process: it starts what the first line of its input asks for, then obeys."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
from asyncio import StreamReader, StreamWriter
from collections.abc import Coroutine
from typing import Any

from scrapy_proxywhirl.playground.origin import Origin
from scrapy_proxywhirl.playground.proxy import LoopbackProxy
from scrapy_proxywhirl.playground.spec import Fault, ProxySpec

HOST = "127.0.0.1"

# Bytes of an order: one names all proxies of a playground.
_LONGEST_LINE = 2**26


async def serve(
    specs: list[ProxySpec], first_port: int = 0, certificate: str | None = None
) -> Servers:
    """
    Start an origin and a proxy for each of *specs* on this machine.

    Args:
        specs: How the proxies are to behave.
        first_port: The origin's; the proxies have the next ones. 0 for any that are free.
        certificate: A file with a certificate and its key, for what is to speak TLS; with it, the
            origin does so too, on a port that is free.
    """
    servers = Servers(certificate)
    for place, spec in enumerate([None, *specs]):
        port = first_port + place if first_port else 0
        if spec is None:
            await servers.start(servers.origin, port)
        else:
            await servers.add_proxy(spec, port)
    if certificate is not None:
        await servers.start_https()
    return servers


class Servers:
    """
    The origin and the proxies of a playground.

    Args:
        certificate: As :func:`serve` has it.

    Attributes:
        ports: The origin's, then the proxies'.
        https_port: The origin's for HTTPS; None without a certificate.
    """

    def __init__(self, certificate: str | None) -> None:
        self._context: ssl.SSLContext | None = None
        if certificate is not None:
            self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self._context.load_cert_chain(certificate)
        self.origin = Origin()
        self.proxies: list[LoopbackProxy] = []
        self.ports: list[int] = []
        self.https_port: int | None = None
        self._requests = 0
        self._began = asyncio.Event()  # with the first request to a proxy
        self._at_request: list[tuple[int, int, ProxySpec]] = []
        self._tasks: set[asyncio.Future[None]] = set()
        self._kept: list[Any] = []  # what is not kept is closed

    async def start(self, server: Origin | LoopbackProxy, port: int) -> None:
        """Let *server* listen."""
        is_tls = isinstance(server, LoopbackProxy) and server.spec.scheme == "https"
        self.ports.append(await self._listen(server, port, self._context if is_tls else None))

    async def start_https(self) -> None:
        """Let the origin speak HTTPS too."""
        self.https_port = await self._listen(self.origin, 0, self._context)

    async def _listen(
        self, server: Origin | LoopbackProxy, port: int, context: ssl.SSLContext | None
    ) -> int:
        def connected(reader: StreamReader, writer: StreamWriter) -> None:
            # Not left to start_server, whose tasks complain in Python 3.11 when they are cancelled.
            self._run(server.serve(reader, writer))

        listening = await asyncio.start_server(connected, HOST, port, backlog=1024, ssl=context)
        self._kept.append(listening)
        bound: int = listening.sockets[0].getsockname()[1]
        return bound

    async def add_proxy(self, spec: ProxySpec, port: int) -> None:
        """Add a proxy; one that refuses connections has a port on which nobody listens."""
        proxy = LoopbackProxy(f"proxy-{len(self.proxies)}", spec, self._received)
        self.proxies.append(proxy)
        if spec.fault is Fault.REFUSE:
            bound = socket.socket()
            bound.bind((HOST, port))
            self.ports.append(bound.getsockname()[1])
            self._kept.append(bound)
        else:
            await self.start(proxy, port)

    def obey(self, command: dict[str, Any]) -> Any:
        """Do what the other end asks for, and return what it is answered."""
        match command:
            case {"do": "log"}:
                return {
                    "origin": self.origin.log,
                    "proxies": [entry for proxy in self.proxies for entry in proxy.log],
                }
            case {"do": "change", "proxy": place, "spec": spec, **when}:
                self._change(place, ProxySpec.from_json(spec), **when)
                return None
        raise ValueError(f"unknown command {command!r}")

    def _change(self, place: int, spec: ProxySpec, after: float = 0.0, at_request: int = 0) -> None:
        if at_request:
            self._at_request.append((at_request, place, spec))
        elif after:
            self._run(self._change_after(after, place, spec))
        else:
            self.proxies[place].spec = spec

    async def _change_after(self, seconds: float, place: int, spec: ProxySpec) -> None:
        await self._began.wait()
        await asyncio.sleep(seconds)
        self.proxies[place].spec = spec

    def _received(self) -> None:
        self._requests += 1
        self._began.set()
        for number, place, spec in self._at_request:
            if number == self._requests:
                self.proxies[place].spec = spec

    def _run(self, coroutine: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


async def _main() -> None:
    reader = asyncio.StreamReader(limit=_LONGEST_LINE)
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), sys.stdin
    )
    order = json.loads(await reader.readline())
    specs = [ProxySpec.from_json(spec) for spec in order["specs"]]
    servers = await serve(specs, certificate=order["certificate"])
    _say({"http": servers.ports, "https": servers.https_port})
    while line := await reader.readline():  # the end of input is the end of who started this
        _say(servers.obey(json.loads(line)))


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(_main())

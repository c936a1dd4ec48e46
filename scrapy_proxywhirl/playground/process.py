"""A playground in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from scrapy_proxywhirl.playground.spec import Fault, ProxySpec

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from typing_extensions import Self


class Playground:
    """
    A web site and proxies on this machine, in a process of their own.

    Use it as a context manager; the process ends with it, and with the process that made it::

        with Playground([ProxySpec(latency=0.04), ProxySpec(fault=Fault.REFUSE)]) as playground:
            crawl(playground.origin_url, playground.proxy_urls)
            assert playground.origin_log()

    Args:
        proxies: How each proxy is to behave.
        certificate: A file with a certificate and its key, for the web site to speak HTTPS too, and
            for proxies that do; None where nobody need.

    Raises:
        ValueError: There is none, and a proxy is to speak HTTPS.

    Attributes:
        specs: How each proxy behaves now, or was last told to.
        origin_url: Of the web site, without a slash behind it.
        https_url: The same with HTTPS; empty without a certificate.
        proxy_urls: Of the proxies, in their order, without credentials.
    """

    def __init__(self, proxies: Iterable[ProxySpec], certificate: str | None = None) -> None:
        self.specs = list(proxies)
        if certificate is None and any(spec.scheme == "https" for spec in self.specs):
            raise ValueError("a proxy that speaks HTTPS needs a certificate")
        self._certificate = certificate
        self.origin_url = ""
        self.https_url = ""
        self.proxy_urls: list[str] = []

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "scrapy_proxywhirl.playground.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        ports = self._ask(
            {"specs": [spec.to_json() for spec in self.specs], "certificate": self._certificate}
        )
        origin, *proxies = ports["http"]
        self.origin_url = f"http://127.0.0.1:{origin}"
        if ports["https"]:
            self.https_url = f"https://127.0.0.1:{ports['https']}"
        self.proxy_urls = [
            f"{spec.scheme}://127.0.0.1:{port}"
            for spec, port in zip(self.specs, proxies, strict=True)
        ]
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with self._process as process:  # closes its input, and waits
            assert process.stdin is not None
            with suppress(BrokenPipeError):  # it has ended by itself
                process.stdin.close()

    def proxy_url(self, place: int, username: str | None = None) -> str:
        """Return the URL of the proxy at *place*, with the credentials of *username* in it."""
        url = self.proxy_urls[place]
        if username is None:
            return url
        password = self.specs[place].credentials[username]
        scheme, _, hostport = url.partition("://")
        return f"{scheme}://{quote(username, safe='')}:{quote(password, safe='')}@{hostport}"

    def change(
        self, place: int, spec: ProxySpec, *, after: float = 0.0, at_request: int = 0
    ) -> None:
        """
        Let the proxy at *place* behave as *spec* says from its next request on.

        Args:
            place: Which one.
            spec: How it is to behave.
            after: Seconds that are to pass first, from the first request to any proxy, or from now
                if there has been one.
            at_request: In place of *after*, the number of the request, of all to any proxy, with
                which the change comes.

        Raises:
            ValueError: It refuses connections, or is to: that is settled when it starts.
        """
        if Fault.REFUSE in (spec.fault, self.specs[place].fault):
            raise ValueError("whether a proxy refuses connections is settled when it starts")
        self._ask(
            {
                "do": "change",
                "proxy": place,
                "spec": spec.to_json(),
                "after": after,
                "at_request": at_request,
            }
        )
        self.specs[place] = spec

    def origin_log(self) -> list[dict[str, Any]]:
        """Return what the web site was asked for: see :class:`.origin.Origin`."""
        log: list[dict[str, Any]] = self._ask({"do": "log"})["origin"]
        return log

    def proxy_log(self) -> list[dict[str, Any]]:
        """Return what the proxies were asked for: see :class:`.proxy.LoopbackProxy`."""
        log: list[dict[str, Any]] = self._ask({"do": "log"})["proxies"]
        return log

    def _ask(self, command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        answer = ""
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(command) + "\n")
            self._process.stdin.flush()
            answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the playground's process has ended; see what it wrote to stderr")
        return json.loads(answer)

"""A site that speaks HTTP/2, in the process of the tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from twisted.internet import reactor
from twisted.internet.ssl import PrivateCertificate
from twisted.web.resource import Resource
from twisted.web.server import Request, Site


class Protocol(Resource):
    """A page that says what it was asked for by."""

    isLeaf = True  # noqa: N815 (Twisted calls it so)

    def render_GET(self, request: Request) -> bytes:  # noqa: N802 (and so this)
        """Answer."""
        request.setHeader("Content-Type", "text/html")
        return request.clientproto


@contextmanager
def http2_site(certificate: str) -> Iterator[str]:
    """
    Serve such a page, and give its URL.

    Args:
        certificate: The file that has the certificate and its key.
    """
    tls = PrivateCertificate.loadPEM(Path(certificate).read_text(encoding="ascii")).options()
    tls._acceptableProtocols = [b"h2"]
    listening = reactor.listenSSL(0, Site(Protocol()), tls, interface="127.0.0.1")
    yield f"https://127.0.0.1:{listening.getHost().port}/"
    listening.stopListening()

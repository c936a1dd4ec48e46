"""Web servers in threads of the tests' process."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class Handler(BaseHTTPRequestHandler):
    """One that keeps what it does to itself."""

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (it is called so)
        pass


class ThreadedServer:
    """
    A web server, as a context manager.

    Args:
        handler: Answers its requests.

    Attributes:
        url: Without a path.
    """

    def __init__(self, handler: type[Handler]) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()

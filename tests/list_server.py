"""A web server that has a list of proxies."""

from __future__ import annotations

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from typing_extensions import Self


class ListServer:
    """
    A web server that has a list of proxies, as a context manager.

    Attributes:
        status, content, content_type: Of what it answers.
        location: Where it redirects to; empty where it does not.
        requests: The path and headers of each that came.
        url: Without a path.
    """

    def __init__(self) -> None:
        self.status = 200
        self.content = b""
        self.content_type = "text/plain"
        self.location = ""
        self.requests: list[tuple[str, dict[str, str]]] = []
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                served.requests.append((self.path, dict(self.headers)))
                is_redirect = bool(served.location) and not self.path.startswith(served.location)
                self.send_response(302 if is_redirect else served.status)
                if is_redirect:
                    self.send_header("Location", served.location)
                self.send_header("Content-Type", served.content_type)
                self.send_header("Content-Length", str(len(served.content)))
                self.end_headers()
                self.wfile.write(served.content)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (it is called so)
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def have(self, *lines: str) -> None:
        """Have these from now on."""
        self.content = "\n".join(lines).encode()

    def __enter__(self) -> Self:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *args: object) -> None:
        self._server.shutdown()
        self._server.server_close()

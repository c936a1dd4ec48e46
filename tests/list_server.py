"""A web server that has a list of proxies."""

from __future__ import annotations

from tests.threaded_server import Handler, ThreadedServer


class ListServer(ThreadedServer):
    """
    A web server that has a list of proxies.

    Attributes:
        status, content, content_type: Of what it answers.
        location: Where it redirects to; empty where it does not.
        requests: The path and headers of each that came.
    """

    def __init__(self) -> None:
        self.status = 200
        self.content = b""
        self.content_type = "text/plain"
        self.location = ""
        self.requests: list[tuple[str, dict[str, str]]] = []
        served = self

        class Serving(Handler):
            def do_GET(self) -> None:  # noqa: N802 (it is called so)
                served.requests.append((self.path, dict(self.headers)))
                is_redirect = bool(served.location) and not self.path.startswith(served.location)
                self.send_response(302 if is_redirect else served.status)
                if is_redirect:
                    self.send_header("Location", served.location)
                self.send_header("Content-Type", served.content_type)
                self.send_header("Content-Length", str(len(served.content)))
                self.end_headers()
                self.wfile.write(served.content)

        super().__init__(Serving)

    def have(self, *lines: str) -> None:
        """Have these from now on."""
        self.content = "\n".join(lines).encode()

"""What stands for Zyte API, which is far away."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

from tests.threaded_server import Handler, ThreadedServer


class ZyteAPI(ThreadedServer):
    """
    Answers whatever it is asked with the same page.

    Attributes:
        asked: What it was asked, in turn.
    """

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        asked = self.asked

        class Answering(Handler):
            def do_POST(self) -> None:  # noqa: N802 (it is called so)
                asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                page = {"url": asked[-1]["url"], "statusCode": 200, "httpResponseHeaders": []}
                answer = json.dumps({**page, "httpResponseBody": b64encode(b"by API").decode()})
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer.encode())

        super().__init__(Answering)

"""HTTP/1.1 messages over asyncio streams, as far as the playground speaks it."""

from __future__ import annotations

from asyncio import IncompleteReadError, StreamReader
from dataclasses import dataclass
from http import HTTPStatus

_PHRASES = {status.value: status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class Message:
    """
    A request or a response whose body has a Content-Length, or none.

    Attributes:
        start: The start line's three parts.
        headers: Names in lower case.
        body: As it was sent.
    """

    start: tuple[str, str, str]
    headers: dict[str, str]
    body: bytes = b""

    def to_bytes(self) -> bytes:
        """Return this as it goes over the wire."""
        headers = {**self.headers, "content-length": str(len(self.body))}
        lines = [" ".join(self.start), *(f"{name}: {value}" for name, value in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


async def read_message(reader: StreamReader) -> Message | None:
    """Read the next message; None where the other end closes before it is complete."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        start, *fields = head.decode("latin-1").split("\r\n")[:-2]
        headers = {}
        for line in fields:
            name, _, value = line.partition(":")
            headers[name.strip().lower()] = value.strip()
        first, second, third = start.split(" ", 2)
        body = await reader.readexactly(int(headers.get("content-length", 0)))
    except (IncompleteReadError, ConnectionError):
        return None
    return Message((first, second, third), headers, body)


def response(status: int, body: bytes = b"", **headers: str) -> Message:
    """Return a response; underscores in the names of *headers* stand for hyphens."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(
        ("HTTP/1.1", str(status), _PHRASES.get(status, "Unknown")),
        {"content-type": "text/html; charset=utf-8", **fields},
        body,
    )

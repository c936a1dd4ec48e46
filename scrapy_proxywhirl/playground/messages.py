"""HTTP/1.1 messages over asyncio streams, as far as the playground speaks it."""

from __future__ import annotations

from asyncio import IncompleteReadError, StreamReader
from dataclasses import dataclass
from http import HTTPStatus

_PHRASES = {status.value: status.phrase for status in HTTPStatus}

# Statuses whose responses have no body, whatever their headers say.
_WITHOUT_BODY = ("204", "304")

# What is said to the other end of a connection, and to nobody behind it.
_OF_ONE_CONNECTION = ("connection", "keep-alive", "transfer-encoding")


@dataclass(slots=True)
class Message:
    """
    A request or a response.

    Attributes:
        start: The start line's three parts.
        headers: Names in lower case. Without a Content-Length that of the body is sent.
        body: In one piece, however it was sent.
    """

    start: tuple[str, str, str]
    headers: dict[str, str]
    body: bytes = b""

    def to_bytes(self, *, has_body: bool = True) -> bytes:
        """Return this as it goes over the wire; the head alone for an answer to HEAD."""
        headers = {"content-length": str(len(self.body)), **self.headers}
        lines = [" ".join(self.start), *(f"{name}: {value}" for name, value in headers.items())]
        head = "\r\n".join([*lines, "", ""]).encode("latin-1")
        return head + self.body if has_body else head


async def read_request(reader: StreamReader) -> Message | None:
    """Read the next request; None where the other end closes before it is complete."""
    try:
        start, headers = await _read_head(reader)
        body, _ = await _read_body(reader, headers, is_open_ended=False)
    except (IncompleteReadError, ConnectionError):
        return None
    return Message(start, headers, body)


async def read_response(reader: StreamReader, method: str) -> tuple[Message, bool] | None:
    """
    Read the answer to a request.

    Args:
        reader: What the answer comes from.
        method: Of the request.

    Returns:
        The answer without what was said of the connection, and whether that stays; None where the
        other end closes before the answer is complete.
    """
    try:
        status = "1"
        while status.startswith("1"):  # after such a head the answer is still to come
            (version, status, phrase), headers = await _read_head(reader)
        is_kept = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
        body = b""
        if method != "HEAD" and status not in _WITHOUT_BODY:
            body, is_complete = await _read_body(reader, headers, is_open_ended=True)
            is_kept = is_kept and is_complete
    except (IncompleteReadError, ConnectionError):
        return None
    for name in _OF_ONE_CONNECTION:
        headers.pop(name, None)
    return Message(("HTTP/1.1", status, phrase), headers, body), is_kept


async def _read_head(reader: StreamReader) -> tuple[tuple[str, str, str], dict[str, str]]:
    head = await reader.readuntil(b"\r\n\r\n")
    start, *fields = head.decode("latin-1").split("\r\n")[:-2]
    headers = {}
    for line in fields:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    first, _, rest = start.partition(" ")
    second, _, third = rest.partition(" ")
    return (first, second, third), headers


async def _read_body(
    reader: StreamReader, headers: dict[str, str], *, is_open_ended: bool
) -> tuple[bytes, bool]:
    """Return a body, and whether it had an end before that of the connection."""
    if headers.get("transfer-encoding", "").lower() == "chunked":
        chunks = []
        while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
            chunks.append(await reader.readexactly(size))
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass  # a header that comes behind the body
        del headers["transfer-encoding"]  # the body is in one piece now
        headers.pop("content-length", None)
        return b"".join(chunks), True
    if "content-length" in headers or not is_open_ended:
        return await reader.readexactly(int(headers.get("content-length", 0))), True
    return await reader.read(), False


def response(status: int, body: bytes = b"", **headers: str) -> Message:
    """Return a response; underscores in the names of *headers* stand for hyphens."""
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return Message(
        ("HTTP/1.1", str(status), _PHRASES.get(status, "Unknown")),
        {"content-type": "text/html; charset=utf-8", **fields},
        body,
    )

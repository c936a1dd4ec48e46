"""SOCKS 5 as far as the playground speaks it: RFC 1928 and RFC 1929, CONNECT and nothing else."""

from __future__ import annotations

from asyncio import StreamReader, StreamWriter
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

_VERSION = 5
_NO_CREDENTIALS = 0
_USERNAME_AND_PASSWORD = 2
_NONE_OF_THESE = 0xFF

_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4

SUCCEEDED, NOT_ALLOWED, UNREACHABLE, NO_SUCH_COMMAND = 0, 2, 4, 7


@dataclass(frozen=True, slots=True)
class SocksRequest:
    """
    What a client asks for.

    Attributes:
        target: As ``host:port``; empty where it was refused, and has been told so.
        username: None without credentials.
    """

    target: str
    username: str | None


async def read_request(
    reader: StreamReader,
    writer: StreamWriter,
    may_pass: Callable[[str | None, str | None], bool],
) -> SocksRequest:
    """
    Read what a client asks for, after the exchange that comes first.

    Args:
        reader: From the client.
        writer: To the client.
        may_pass: Tells whether a username and a password, both None for none, are let in.

    Raises:
        IncompleteReadError: The client is gone.
    """
    version, count = await reader.readexactly(2)
    if version != _VERSION:  # somebody takes this for another kind of proxy
        return SocksRequest("", None)
    methods = await reader.readexactly(count)
    username = None
    if _USERNAME_AND_PASSWORD in methods:
        writer.write(bytes((_VERSION, _USERNAME_AND_PASSWORD)))
        await reader.readexactly(1)  # the version of this exchange
        username = await _read_text(reader)
        is_let_in = may_pass(username, await _read_text(reader))
        writer.write(bytes((1, not is_let_in)))
    else:
        is_let_in = _NO_CREDENTIALS in methods and may_pass(None, None)
        writer.write(bytes((_VERSION, _NO_CREDENTIALS if is_let_in else _NONE_OF_THESE)))
    if not is_let_in:
        return SocksRequest("", username)
    _, command, _, kind = await reader.readexactly(4)
    target = await _read_target(reader, kind)
    if command != _CONNECT:
        writer.write(reply(NO_SUCH_COMMAND))
        return SocksRequest("", username)
    return SocksRequest(target, username)


def reply(code: int) -> bytes:
    """Return the answer to what was asked for, with an address that nobody needs."""
    return bytes((_VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0))


async def _read_target(reader: StreamReader, kind: int) -> str:
    if kind == _IPV4:
        host = str(IPv4Address(await reader.readexactly(4)))
    elif kind == _IPV6:
        host = f"[{IPv6Address(await reader.readexactly(16))}]"
    else:
        assert kind == _NAME
        host = await _read_text(reader)
    return f"{host}:{int.from_bytes(await reader.readexactly(2), 'big')}"


async def _read_text(reader: StreamReader) -> str:
    (length,) = await reader.readexactly(1)
    return (await reader.readexactly(length)).decode("latin-1")

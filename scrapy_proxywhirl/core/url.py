"""A proxy's URL: parsed, checked, normalised, its credentials apart."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv6Address
from urllib.parse import quote, unquote

from scrapy_proxywhirl.core.errors import InvalidProxyError

DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080}

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")

# The letters of host names, underscores (which resolvers accept), and anything beyond ASCII.
_HOST = re.compile(r"[\w.\-]+", re.UNICODE)


@dataclass(frozen=True, slots=True)
class ProxyURL:
    """
    Where a proxy is and who one is there.

    Attributes:
        scheme: ``http``, ``https``, ``socks4`` or ``socks5``.
        host: In lower case and ASCII (IDNA); an IPv6 address without its brackets.
        port: 1 to 65535.
        username: Decoded; None without credentials.
        password: Decoded; None without credentials, and empty where only a username was given.
    """

    scheme: str
    host: str
    port: int
    username: str | None = None
    password: str | None = None

    def __repr__(self) -> str:
        return f"ProxyURL({self.without_credentials!r})"

    @property
    def hostport(self) -> str:
        """``host:port``, with brackets around an IPv6 address."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def without_credentials(self) -> str:
        """The URL as it may be shown: ``scheme://host:port``."""
        return f"{self.scheme}://{self.hostport}"

    @property
    def with_credentials(self) -> str:
        """The whole URL, credentials percent-encoded. Secret."""
        if self.username is None:
            return self.without_credentials
        # The colon stays where the password is empty: Scrapy takes no username without it.
        userinfo = f"{quote(self.username, safe='')}:{quote(self.password or '', safe='')}"
        return f"{self.scheme}://{userinfo}@{self.hostport}"

    def with_identity(self, username: str | None, password: str | None) -> ProxyURL:
        """
        Return this with credentials that were given beside it; as it is where none were.

        Args:
            username: As it is, not percent-encoded.
            password: With *username*; empty where it is None.

        Raises:
            InvalidProxyError: There are credentials in the URL too, or a password alone.
        """
        if username is None:
            if password is not None:
                raise InvalidProxyError(
                    f"{self.without_credentials!r} has a password and no username"
                )
            return self
        if self.username is not None:
            raise InvalidProxyError(
                f"{self.without_credentials!r} has credentials in its URL and a username besides;"
                " give one of them"
            )
        return replace(self, username=username, password=password or "")


def parse_proxy_url(text: str) -> ProxyURL:
    """
    Read ``[scheme://][username[:password]@]host[:port]``.

    The scheme is ``http`` where none is given, and then the port is required; with a scheme it may
    be left out for the scheme's default. Credentials may be percent-encoded or hold any character
    as it is, an ``@`` or ``:`` in the password included.

    Args:
        text: The URL; white space around it is ignored.

    Returns:
        The parts, normalised: equal for two texts that mean the same proxy.

    Raises:
        InvalidProxyError: *text* is no such URL. The message says what is wrong, without password.
    """
    text = text.strip()
    shown = mask_credentials(text)
    if not text:
        raise InvalidProxyError("the proxy URL is empty; write it as http://host:port")
    given_scheme, rest = _split_scheme(text)
    scheme = (given_scheme or "http").lower()
    if scheme not in DEFAULT_PORTS:
        raise InvalidProxyError(
            f"{shown!r} has the unknown scheme {scheme!r}; use http, https, socks4 or socks5"
        )
    userinfo, at, hostport = rest.rpartition("@")
    username, password = _read_userinfo(userinfo, shown) if at else (None, None)
    host, port_text = _split_port(hostport.removesuffix("/"), shown)
    if port_text is None and given_scheme is None:
        raise InvalidProxyError(f"{shown!r} has no port; write host:port, or a scheme before it")
    port = DEFAULT_PORTS[scheme] if port_text is None else _read_port(port_text, shown)
    return ProxyURL(scheme, host, port, username, password)


def mask_credentials(text: str) -> str:
    """
    Return *text*, a proxy as somebody wrote it, fit to be shown.

    All that may be part of credentials becomes ``***``: what stands before an ``@``, and what comes
    after the host and is no port.
    """
    scheme, rest = _split_scheme(text)
    _, at, hostport = rest.rpartition("@")
    host, *fields = re.split(r":(?![^\[]*\])", hostport)  # at colons outside of brackets
    fields = [field if i == 0 and field.isdigit() else "***" for i, field in enumerate(fields)]
    hostport = ":".join([host, *fields])
    return f"{f'{scheme}://' if scheme else ''}{'***@' if at else ''}{hostport}"


def _split_scheme(text: str) -> tuple[str | None, str]:
    match = _SCHEME.match(text)  # what has a colon before "://" begins with a username
    return (match[1], text[match.end() :]) if match else (None, text)


def _read_userinfo(userinfo: str, shown: str) -> tuple[str, str]:
    username, _, password = userinfo.partition(":")
    if not username:
        raise InvalidProxyError(f"{shown!r} has a password but no username before its '@'")
    return unquote(username), unquote(password)


def _split_port(hostport: str, shown: str) -> tuple[str, str | None]:
    if hostport.startswith("["):
        address, bracket, tail = hostport[1:].partition("]")
        try:
            host = IPv6Address(address).compressed
        except AddressValueError:
            raise InvalidProxyError(f"{shown!r} has no IPv6 address in its brackets") from None
        if not bracket or (tail and not tail.startswith(":")):
            raise InvalidProxyError(f"{shown!r} has something else than a port after its ']'")
        return host, tail[1:] if tail else None
    host, colon, port_text = hostport.partition(":")
    if not host:
        raise InvalidProxyError(f"{shown!r} has no host")
    if ":" in port_text:
        raise InvalidProxyError(
            f"{shown!r} has too many colons; write credentials before an '@' and an IPv6 address"
            " in brackets"
        )
    if not _HOST.fullmatch(host):
        raise InvalidProxyError(f"{shown!r} has a character in its host that no host name has")
    try:
        # A name beyond ASCII goes over the wire in its IDNA form; Scrapy leaves that to the URL.
        host = host.lower() if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise InvalidProxyError(f"{shown!r} has a host that is no domain name") from None
    return host, port_text if colon else None


def _read_port(port_text: str, shown: str) -> int:
    if port_text.isascii() and port_text.isdigit() and 1 <= int(port_text[:6]) <= 65535:
        return int(port_text)
    raise InvalidProxyError(f"{shown!r} has no port from 1 to 65535 after its host")

"""A proxy's URL: parsed, checked, normalised, its credentials apart."""

from __future__ import annotations

import re
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import NamedTuple
from urllib.parse import quote, unquote

from scrapy_proxywhirl.core.errors import InvalidProxyError

DEFAULT_PORTS = {"http": 80, "https": 443, "socks4": 1080, "socks5": 1080}

_LONE_SURROGATE = re.compile("[\ud800-\udfff]")

# What most lists have: it is normal but for the scheme, and could not be read in another way. The
# host is an IPv4 address, or a name whose last part is no number.
_BYTE = r"(?:1[0-9]{0,2}|2(?:[0-4][0-9]?|5[0-5]?|[6-9])?|[3-9][0-9]?|0)"
_NORMAL = re.compile(
    r"(?:http://)?((?:[\w.~-]+:[\w.~-]+@)?)"
    rf"((?:{_BYTE}(?:\.{_BYTE}){{3}}|[a-z0-9_.-]*[a-z_-][a-z0-9_-]*):([1-9][0-9]{{0,4}}))",
    re.ASCII,
)

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://")

# The letters of host names, underscores (which resolvers accept), and anything beyond ASCII.
_HOST = re.compile(r"[\w.\-]+", re.UNICODE)
_ENDS_IN_NUMBER = re.compile(r"(?:.*\.)?[0-9]+\.?")
_IPV6 = re.compile(r"\[?[0-9A-Fa-f:.]*\]?/?")

# Of host:port:username:password, the first two together and the others.
_EXPORT = re.compile(r"((?:\[[^\]@]*\]|[^:@\[\]]+):[0-9]{1,5}):([^:]+):(.*)", re.DOTALL)


class ProxyURL(NamedTuple):
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
        return self._replace(username=username, password=password or "")


def normalise(
    text: str, username: str | None = None, password: str | None = None
) -> tuple[str, str]:
    """
    Return a proxy's URL, the same for all texts that mean this proxy.

    Args:
        text: As :func:`parse_proxy_url` reads it.
        username: As :meth:`ProxyURL.with_identity` takes it.
        password: As well.

    Returns:
        The whole of it, as :attr:`ProxyURL.with_credentials`, and its ``host:port``.

    Raises:
        InvalidProxyError: As by these two.
    """
    if username is None and password is None:
        match = _NORMAL.fullmatch(text)
        if match is not None:
            userinfo, hostport, port = match.groups()
            if int(port) < 65536:
                return f"http://{userinfo}{hostport}", hostport
    endpoint = parse_proxy_url(text).with_identity(username, password)
    return endpoint.with_credentials, endpoint.hostport


def parse_proxy_url(text: str) -> ProxyURL:
    """
    Read ``[scheme://][username[:password]@]host[:port]``, or ``[scheme://]host:port:username:password``
    as vendors export it.

    The scheme is ``http`` where none is given, and then the port is required; with a scheme it may
    be left out for the scheme's default. Credentials may be percent-encoded or hold any character
    as it is, an ``@`` or ``:`` in the password included.

    Args:
        text: The URL; white space around it is ignored.

    Returns:
        The parts, normalised: equal for two texts that mean the same proxy.

    Raises:
        InvalidProxyError: *text* is no such URL, or could be read in both ways. The message says
            what is wrong, without credentials.
    """
    text = text.strip()
    if not text:
        raise InvalidProxyError("the proxy URL is empty; write it as http://host:port")
    try:
        return _read(text)
    except _ReadError as error:
        raise InvalidProxyError(f"{mask_credentials(text)!r} {error}") from None


def mask_credentials(text: str) -> str:
    """
    Return *text*, a proxy as somebody wrote it, fit to be shown.

    All that may be part of credentials becomes ``***``: what stands before an ``@``, what comes
    after the host and is no port, and a host that can be none.
    """
    scheme, rest = _split_scheme(text)
    _, at, hostport = rest.rpartition("@")
    if at and _EXPORT.match(rest):  # then it may be the password that has the "@"
        return f"{scheme}://***" if scheme else "***"
    host, *fields = _fields(hostport)
    if host and not (_HOST.fullmatch(host.removesuffix("/")) or _IPV6.fullmatch(host)):
        host = "***"
    fields = [field if i == 0 and field.isdigit() else "***" for i, field in enumerate(fields)]
    hostport = ":".join([host, *fields])
    return f"{f'{scheme}://' if scheme else ''}{'***@' if at else ''}{hostport}"


def _fields(text: str) -> list[str]:
    return re.split(r":(?![^\[\]]*\])", text)  # at colons outside of brackets


class _ReadError(Exception):
    """What is wrong with a text, in words that follow it."""


def _read(text: str) -> ProxyURL:
    if not text.isascii() and _LONE_SURROGATE.search(text):
        raise _ReadError("has half of a surrogate pair in it, which no URL can hold")
    given_scheme, rest = _split_scheme(text)
    scheme = (given_scheme or "http").lower()
    if scheme not in DEFAULT_PORTS:
        raise _ReadError(f"has the unknown scheme {scheme!r}; use http, https, socks4 or socks5")
    as_exported = _read_export(rest, scheme)
    try:
        as_url = _read_url(rest, scheme, given_scheme is not None)
    except _ReadError:
        if as_exported is None:
            raise
        return as_exported
    if as_exported is not None:
        raise _ReadError(
            "can be read as credentials@host and as host:port:username:password; write a ':' or"
            " '@' of the credentials as %3A or %40"
        )
    return as_url


def _read_url(rest: str, scheme: str, is_scheme_given: bool) -> ProxyURL:
    userinfo, at, hostport = rest.rpartition("@")
    username, password = _read_userinfo(userinfo) if at else (None, None)
    host, port_text = _split_port(hostport.removesuffix("/"))
    if port_text is None and not is_scheme_given:
        raise _ReadError("has no port; write host:port, or a scheme before it")
    port = DEFAULT_PORTS[scheme] if port_text is None else _read_port(port_text)
    return ProxyURL(scheme, host, port, username, password)


def _read_export(rest: str, scheme: str) -> ProxyURL | None:
    """Read ``host:port:username:password``; return None where *rest* is no such text."""
    match = _EXPORT.match(rest)
    if match is None or _is_ip(IPv6Address, rest):
        return None
    hostport, username, password = match.groups()
    try:
        host, port_text = _split_port(hostport)
        port = _read_port(port_text or "")
    except _ReadError:
        return None
    return ProxyURL(scheme, host, port, unquote(username), unquote(password))


def _is_ip(kind: type[IPv4Address | IPv6Address], text: str) -> bool:
    try:
        kind(text)
    except AddressValueError:
        return False
    return True


def _split_scheme(text: str) -> tuple[str | None, str]:
    match = _SCHEME.match(text)  # what has a colon before "://" begins with a username
    return (match[1], text[match.end() :]) if match else (None, text)


def _read_userinfo(userinfo: str) -> tuple[str, str]:
    username, _, password = userinfo.partition(":")
    if not username:
        raise _ReadError("has a password but no username before its '@'")
    return unquote(username), unquote(password)


def _split_port(hostport: str) -> tuple[str, str | None]:
    if hostport.startswith("["):
        address, bracket, tail = hostport[1:].partition("]")
        try:
            host = IPv6Address(address).compressed
        except AddressValueError:
            raise _ReadError("has no IPv6 address in its brackets") from None
        if not bracket or (tail and not tail.startswith(":")):
            raise _ReadError("has something else than a port after its ']'")
        return host, tail[1:] if tail else None
    host, colon, port_text = hostport.partition(":")
    if not host:
        raise _ReadError("has no host")
    if ":" in port_text:
        raise _ReadError(
            "has too many colons; write credentials before an '@' and an IPv6 address in brackets"
        )
    if not _HOST.fullmatch(host):
        raise _ReadError("has a character in its host that no host name has")
    try:
        # A name beyond ASCII goes over the wire in its IDNA form; Scrapy leaves that to the URL.
        host = host.lower() if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise _ReadError("has a host that is no domain name") from None
    if _ENDS_IN_NUMBER.fullmatch(host) and not _is_ip(IPv4Address, host):
        # No name ends so, and some resolvers take it for another address.
        raise _ReadError("has neither a name nor an IPv4 address for its host")
    return host, port_text if colon else None


def _read_port(port_text: str) -> int:
    if port_text.isascii() and port_text.isdigit() and 1 <= int(port_text[:6]) <= 65535:
        return int(port_text)
    raise _ReadError("has no port from 1 to 65535 after its host")

"""A proxy that makes an identity out of a username: as many as one likes."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any

from scrapy_proxywhirl.core import InvalidProxyError, Proxy

SESSION = "{session}"
COUNTRY = "{country}"

_TEMPLATES = ("url", "username", "password")


class Gateway:
    """
    A proxy that makes an identity out of a username: each session there is a proxy of its own.

    The names of its sessions are the same in every run.

    Args:
        fields: What a :class:`~scrapy_proxywhirl.core.Proxy` takes, with ``{session}`` in its
            ``url``, ``username`` or ``password``.
        sessions: How many there are at a time; at least 1.

    Raises:
        ValueError: The fields are no proxy's.

    Attributes:
        id: The same in every run, for the same proxy with the same credentials.
        sessions: How many there are at a time.
    """

    def __init__(self, fields: dict[str, Any], sessions: int) -> None:
        self._fields = fields
        self.sessions = sessions
        whole = "\n".join(str(fields.get(name)) for name in _TEMPLATES)
        self.id = sha256(whole.encode("utf-8", "surrogatepass")).hexdigest()[:16]
        self.proxy(0)

    def proxy(self, number: int) -> Proxy:
        """Return the proxy that the session with this number, from 0 on, is."""
        name = sha256(f"{self.id} {number}".encode()).hexdigest()[:8]
        return Proxy(**fill_in(self._fields, SESSION, name))


def fill_in(fields: dict[str, Any], mark: str, text: str) -> dict[str, Any]:
    """Return *fields* with *text* wherever *mark* stands in their templates."""
    filled = {name: fields[name].replace(mark, text) for name in _TEMPLATES if name in fields}
    return {**fields, **filled}


def has_mark(fields: dict[str, Any], mark: str) -> bool:
    """Tell whether *mark* stands somewhere in the templates of *fields*."""
    return any(mark in fields.get(name, "") for name in _TEMPLATES)


def proxy_or_gateway(fields: dict[str, Any]) -> Proxy | Gateway:
    """
    Make a proxy, or a gateway where ``sessions`` are asked for.

    Raises:
        InvalidProxyError: A mark has nothing to stand for, or the other way round.
        ValueError: The fields are no proxy's.
    """
    fields = dict(fields)
    sessions = fields.pop("sessions", None)
    if has_mark(fields, COUNTRY):
        if "country" not in fields:
            raise InvalidProxyError(f"{COUNTRY} is to be replaced, and there is no country")
        fields = fill_in(fields, COUNTRY, fields["country"])
    if sessions is None:
        if has_mark(fields, SESSION):
            raise InvalidProxyError(
                f"{SESSION} is to be replaced; say how many there are in the field 'sessions'"
            )
        return Proxy(**fields)
    if not has_mark(fields, SESSION):
        raise InvalidProxyError(
            f"the field 'sessions' is given; put {SESSION} where their names belong in the username"
        )
    if not 1 <= sessions <= 1_000_000:
        raise InvalidProxyError("the field 'sessions' must be from 1 to 1,000,000")
    return Gateway(fields, sessions)


class Sessions:
    """
    The sessions of a gateway that are in use.

    Args:
        gateway: Whose.
    """

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self._numbers: dict[str, int] = {}  # by the proxies' ids
        self._next = 0

    def __contains__(self, proxy_id: object) -> bool:
        return proxy_id in self._numbers

    def proxies(self, gateway: Gateway) -> Iterator[Proxy]:
        """Return a proxy for each, after *gateway*, which is the same as it is described now."""
        self.gateway = gateway
        numbers = sorted(self._numbers.values())[: gateway.sessions]
        self._numbers.clear()
        for number in numbers:
            yield self._use(number)
        while len(self._numbers) < gateway.sessions:
            yield self.fresh()

    def fresh(self) -> Proxy:
        """Return one that has not been used yet."""
        proxy = self._use(self._next)
        self._next += 1
        return proxy

    def end(self, proxy_id: str) -> None:
        """Use one no more."""
        del self._numbers[proxy_id]

    def _use(self, number: int) -> Proxy:
        proxy = self.gateway.proxy(number)
        self._numbers[proxy.id] = number
        return proxy

"""Where proxies come from."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from itemadapter import ItemAdapter

from scrapy_proxywhirl.core import InvalidProxyError, Proxy

SETTING = "PROXYWHIRL_PROXIES"

_FIELDS = (
    "url",
    "username",
    "password",
    "label",
    "country",
    "region",
    "tags",
    "group",
    "tier",
    "cost_per_request",
    "cost_per_gb",
    "weight",
)

# What each field is, where it is no text.
_KINDS: dict[str, tuple[type, ...]] = {
    "tier": (int,),
    "cost_per_request": (int, float),
    "cost_per_gb": (int, float),
    "weight": (int, float),
}


def proxies_from_setting(value: Any, encoding: str = "latin-1") -> tuple[Proxy, ...]:
    """
    Make proxies of what PROXYWHIRL_PROXIES holds.

    Args:
        value: URLs, :class:`Proxy` objects, and dicts or items of any kind that ``ItemAdapter``
            knows with a ``url`` and any of the fields ``username``, ``password``, ``label``,
            ``country``, ``region``, ``tags``, ``group``, ``tier``, ``cost_per_request``,
            ``cost_per_gb`` and ``weight``; or one text with commas between URLs.
        encoding: What credentials are sent in.

    Raises:
        ValueError: There is no proxy, or some entry is not one. The message has every entry that is
            wrong, with its place and no credentials.
    """
    entries = value.split(",") if isinstance(value, str) else value
    if not isinstance(entries, Iterable):
        raise ValueError(f"{SETTING} is of the type {type(value).__name__}; it must be a list")
    proxies: dict[str, tuple[int, Proxy]] = {}
    errors = []
    for place, entry in enumerate(entries):
        if isinstance(entry, str) and not entry.strip():
            continue
        try:
            proxy = _proxy(entry)
            _check_encoding(proxy, encoding)
        except ValueError as error:
            errors.append(f"{SETTING}[{place}]: {error}")
            continue
        if proxy.id in proxies:
            first, _ = proxies[proxy.id]
            errors.append(f"{SETTING}[{place}]: {proxy.label!r} is {SETTING}[{first}] once more")
            continue
        proxies[proxy.id] = (place, proxy)
    if errors:
        raise ValueError("\n".join(errors))
    if not proxies:
        raise ValueError(
            f"{SETTING} has no proxy; list at least one, as 'http://user:password@host:port', or"
            " set PROXYWHIRL_ENABLED = False to crawl without proxies"
        )
    return tuple(proxy for _, proxy in proxies.values())


def _proxy(entry: Any) -> Proxy:
    if isinstance(entry, Proxy):
        return entry
    if isinstance(entry, str):
        return Proxy(entry)
    if not ItemAdapter.is_item(entry):
        raise InvalidProxyError(
            f"a {type(entry).__name__} is no proxy; write a URL, or a dict or an item with a 'url'"
        )
    fields = {name: field for name, field in ItemAdapter(entry).items() if field is not None}
    unknown = sorted(set(fields) - set(_FIELDS))
    if unknown:
        raise InvalidProxyError(
            f"the unknown fields {', '.join(unknown)}; known are {', '.join(_FIELDS)}"
        )
    for name in sorted(set(fields) - {"tags"}):
        value = fields[name]
        allowed = _KINDS.get(name, (str,))
        if not isinstance(value, allowed) or isinstance(value, bool):
            raise InvalidProxyError(
                f"the field {name!r} is of the type {type(value).__name__}; it must be a"
                f" {allowed[-1].__name__}"
            )
    if "url" not in fields:
        raise InvalidProxyError("the field 'url' is missing")
    return Proxy(**fields)


def _check_encoding(proxy: Proxy, encoding: str) -> None:
    try:
        f"{proxy.username or ''}:{proxy.password or ''}".encode(encoding)
    except UnicodeEncodeError:
        # The error would show what could not be encoded, which is the credentials.
        raise InvalidProxyError(
            f"the credentials for {proxy.label!r} cannot be sent as {encoding}; set"
            " HTTPPROXY_AUTH_ENCODING = 'utf-8' if the proxy takes that"
        ) from None

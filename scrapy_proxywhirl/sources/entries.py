"""What a proxy may be written as."""

from __future__ import annotations

from datetime import date, datetime, timezone
from typing import TYPE_CHECKING, Any

from itemadapter import ItemAdapter

from scrapy_proxywhirl.core import InvalidProxyError, Proxy
from scrapy_proxywhirl.sources.gateway import COUNTRY, SESSION, Gateway, proxy_or_gateway

if TYPE_CHECKING:
    from collections.abc import Mapping

# What each field is.
KINDS: dict[str, tuple[type, ...]] = {
    "url": (str,),
    "scheme": (str,),
    "host": (str,),
    "port": (int, str),
    "username": (str,),
    "password": (str,),
    "label": (str,),
    "country": (str,),
    "region": (str,),
    "tags": (object,),  # the proxy looks at them
    "group": (str,),
    "tier": (int,),
    "cost": (int, float),
    "cost_per_request": (int, float),
    "cost_per_gb": (int, float),
    "weight": (int, float),
    "expires": (int, float, str, date),
    "sessions": (int,),
}

# No number that is meant is larger; some of those that are, no float holds.
_MOST = 10**15


def read_entry(entry: Any) -> Proxy | Gateway:
    """
    Make a proxy, or a gateway to many, of what somebody wrote for one.

    Args:
        entry: A text as :func:`~scrapy_proxywhirl.core.url.parse_proxy_url` reads it, a
            :class:`Proxy`, or a dict or an item of any kind that ``ItemAdapter`` knows, with a
            ``url`` or with ``host`` and ``port`` (and a ``scheme``, else ``http``), and any of the
            other fields: ``username`` and ``password`` as they are, ``label``, ``country``,
            ``region``, ``tags``, ``group``, ``tier``, ``cost_per_request`` (or ``cost``),
            ``cost_per_gb``, ``weight``, ``expires`` and ``sessions``.

    Raises:
        ValueError: It is none. The message shows no credentials.
    """
    if isinstance(entry, (Proxy, Gateway)):
        return entry
    if isinstance(entry, str):
        if SESSION in entry or COUNTRY in entry:
            return proxy_or_gateway({"url": entry})
        return Proxy(entry)
    return proxy_or_gateway(read_fields(fields_of(entry)))


def fields_of(entry: Any) -> dict[str, Any]:
    """
    Return the fields of a dict or an item, but those that are None.

    Raises:
        InvalidProxyError: It is neither.
    """
    if not ItemAdapter.is_item(entry):
        raise InvalidProxyError(
            f"a {type(entry).__name__} is no proxy; write a URL, or a dict or an item with a 'url'"
        )
    return {name: field for name, field in ItemAdapter(entry).items() if field is not None}


def read_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """
    Return *fields* as :func:`~scrapy_proxywhirl.sources.gateway.proxy_or_gateway` takes them.

    Raises:
        InvalidProxyError: One is not known, or not what it should be, or one is missing.
    """
    unknown = sorted(map(str, fields.keys() - KINDS.keys()))
    if unknown:
        raise InvalidProxyError(
            f"the unknown fields {', '.join(unknown)}; known are {', '.join(KINDS)}"
        )
    for name in sorted(fields):
        value = fields[name]
        if not isinstance(value, KINDS[name]) or isinstance(value, bool):
            raise InvalidProxyError(
                f"the field {name!r} is of the type {type(value).__name__}; it must be a"
                f" {KINDS[name][-1].__name__}"
            )
        if isinstance(value, int) and abs(value) > _MOST:
            raise InvalidProxyError(f"the field {name!r} is too large a number")
    read = _with_url(dict(fields))
    if "cost" in read:
        if "cost_per_request" in read:
            raise InvalidProxyError("the fields 'cost' and 'cost_per_request' mean the same")
        read["cost_per_request"] = read.pop("cost")
    if "expires" in read:
        read["expires"] = _read_time(read["expires"])
    return read


def check_encoding(proxy: Proxy, encoding: str) -> None:
    """
    Refuse credentials that cannot be sent.

    Raises:
        InvalidProxyError: They have a character that *encoding* has not.
    """
    if "%" not in proxy.url_with_credentials:  # they are of ASCII, which all encodings have
        return
    try:
        f"{proxy.username}:{proxy.password}".encode(encoding)
    except UnicodeEncodeError:
        # The error would show what could not be encoded, which is the credentials.
        raise InvalidProxyError(
            f"the credentials for {proxy.label!r} cannot be sent as {encoding}; set"
            " HTTPPROXY_AUTH_ENCODING = 'utf-8' if the proxy takes that"
        ) from None


def _with_url(fields: dict[str, Any]) -> dict[str, Any]:
    """Return *fields* with a URL in the place of its parts."""
    parts = [name for name in ("scheme", "host", "port") if name in fields]
    if "url" in fields:
        if parts:
            raise InvalidProxyError(f"the field 'url' is given, and {parts[0]!r} besides")
        return fields
    if "host" not in fields:
        raise InvalidProxyError("the field 'url' is missing, or 'host' and 'port'")
    if "port" not in fields:
        raise InvalidProxyError("the field 'port' is missing")
    host = fields.pop("host").strip()
    if "@" in host or "/" in host:
        raise InvalidProxyError("the field 'host' is no host name")
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    scheme = fields.pop("scheme", "http")
    return {"url": f"{scheme}://{host}:{fields.pop('port')}", **fields}


def _read_time(value: Any) -> float:
    """Return seconds since 1970 began, of those or of a time of ISO 8601; UTC if it is not said."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip().replace("Z", "+00:00"))
        except ValueError:
            raise InvalidProxyError(
                "the field 'expires' is no time as '2030-12-31T23:59:59Z'"
            ) from None
    if isinstance(value, date) and not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    if isinstance(value, datetime):
        value = (value if value.tzinfo else value.replace(tzinfo=timezone.utc)).timestamp()
    return float(value)

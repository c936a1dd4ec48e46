"""Sources as the settings name them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from scrapy_proxywhirl.core import Proxy
from scrapy_proxywhirl.sources.code import CodeSource
from scrapy_proxywhirl.sources.entries import check_encoding, read_entry
from scrapy_proxywhirl.sources.gateway import Gateway
from scrapy_proxywhirl.sources.local import FileSource
from scrapy_proxywhirl.sources.web import UrlSource, public_part
from scrapy_proxywhirl.values import load

PROXIES = "PROXYWHIRL_PROXIES"
SOURCES = "PROXYWHIRL_SOURCES"

_ENDINGS = {".txt", ".csv", ".json", ".jsonl", ".jl", ".ndjson", ".gz", ".lst", ".list"}

_JSON_LIST = re.compile(r"\[\s*[\]\"'{]")  # an IPv6 address has none of these behind its bracket


def proxies_from_setting(value: Any, encoding: str = "latin-1") -> tuple[Proxy | Gateway, ...]:
    """
    Make proxies, and gateways to many, of what PROXYWHIRL_PROXIES holds.

    Args:
        value: Entries as :func:`~scrapy_proxywhirl.sources.entries.read_entry` reads them, or one
            text: a list of them in JSON, or URLs with commas between them.
        encoding: What credentials are sent in.

    Raises:
        ValueError: Some entry is none. The message has every entry that is wrong, with its place
            and no credentials.
    """
    proxies: dict[str, tuple[int, Proxy | Gateway]] = {}
    errors = []
    for place, entry in enumerate(_listed(PROXIES, value)):
        if isinstance(entry, str) and not entry.strip():
            continue
        try:
            read = read_entry(entry)
            proxy = read if isinstance(read, Proxy) else read.proxy(0)
            check_encoding(proxy, encoding)
        except ValueError as error:
            errors.append(f"{PROXIES}[{place}]: {error}")
            continue
        if read.id in proxies:
            first, _ = proxies[read.id]
            errors.append(f"{PROXIES}[{place}]: {proxy.label!r} is {PROXIES}[{first}] once more")
            continue
        proxies[read.id] = (place, read)
    if errors:
        raise ValueError("\n".join(errors))
    return tuple(read for _, read in proxies.values())


def sources_from_setting(value: Any) -> tuple[FileSource | UrlSource | CodeSource, ...]:
    """
    Make sources of what PROXYWHIRL_SOURCES holds.

    Args:
        value: Paths of files, URLs (``http://`` or ``https://``), classes and functions or their
            import paths; or one text: a list in JSON, or commas between them.

    Raises:
        ValueError: Some entry is none of these.
    """
    sources: list[FileSource | UrlSource | CodeSource] = []
    for place, entry in enumerate(_listed(SOURCES, value)):
        if isinstance(entry, str) and not entry.strip():
            continue
        try:
            sources.append(_source(entry.strip() if isinstance(entry, str) else entry))
        except ValueError as error:
            raise ValueError(f"{SOURCES}[{place}] is {error}") from None
    return tuple(sources)


def _listed(name: str, value: Any) -> Iterable[Any]:
    entries = _read_list(name, value.strip()) if isinstance(value, str) else value
    if isinstance(entries, Path) or not isinstance(entries, Iterable):
        raise ValueError(f"{name} is of the type {type(value).__name__}; it must be a list")
    return entries


def _read_list(name: str, text: str) -> list[Any]:
    """Read a list that is one text, as the command line has it."""
    if not _JSON_LIST.match(text):
        return text.split(",")
    try:
        entries: list[Any] = json.loads(text)
    except (ValueError, RecursionError):  # it may show what there is in it
        raise ValueError(f"{name} looks like a list in JSON, and is none") from None
    return entries


def _source(entry: Any) -> FileSource | UrlSource | CodeSource:
    if isinstance(entry, Path):
        return FileSource(entry)
    if isinstance(entry, str):
        scheme, separator, _ = entry.partition("://")
        if separator:
            if scheme.lower() in ("http", "https"):
                return UrlSource(entry)
            raise ValueError(
                f"{public_part(entry)!r}; it must be a path, a URL with http:// or https://, or an"
                " import path"
            )
        if _is_path(entry):
            return FileSource(entry)
    elif not callable(entry):
        raise ValueError(
            f"of the type {type(entry).__name__}; it must be a path, a URL, a class or a function"
        )
    code = load(entry)
    if not callable(code):
        raise ValueError(f"{entry!r}, which is neither a class nor a function")
    if isinstance(code, type) and not callable(getattr(code, "get_proxies", None)):
        raise ValueError(f"{entry!r}, a class without a method 'get_proxies'")
    return CodeSource(code)


def _is_path(entry: str) -> bool:
    path = Path(entry)
    return path.suffix.lower() in _ENDINGS or len(path.parts) > 1 or path.exists()

"""The formats that lists of proxies come in."""

from __future__ import annotations

import csv
import json
import re
import zlib
from collections.abc import Callable, Iterator
from gzip import GzipFile
from io import BytesIO, TextIOWrapper
from typing import IO, Any, TypeAlias

from scrapy_proxywhirl.core import InvalidProxyError
from scrapy_proxywhirl.sources.base import SourceError

# Each entry with its place, in words that follow the name of its source; where one cannot be read,
# an error in its stead.
Entries: TypeAlias = Iterator[tuple[str, Any]]

_GZIP = b"\x1f\x8b"
_BOM = b"\xef\xbb\xbf"

_COMMENT = re.compile(r"(?:^|\s+)#.*")
_SPACE_OR_COMMA = re.compile(r"[\s,]*")
_BETWEEN_TAGS = re.compile(r"[;|,\s]+")

_NUMBERS = ("tier", "cost", "cost_per_request", "cost_per_gb", "weight", "sessions")


def read_entries(content: bytes, list_format: str) -> Entries:
    """
    Read a list of proxies, entry by entry.

    Args:
        content: As it came, compressed by gzip or not; its text in UTF-8.
        list_format: ``"text"`` for a URL in each line, where a ``#`` begins a comment, first or
            after a space; ``"csv"`` with the names of fields in the first line, and commas,
            semicolons or tabs; ``"jsonl"`` for a JSON value in each line, a text or an object; or
            ``"json"`` for a list of those, by itself or as the ``"proxies"`` of an object.

    Yields:
        Entries with their places.

    Raises:
        SourceError: It cannot be read any further.
    """
    stream: Any = BytesIO(content)
    if content.startswith(_GZIP):
        stream = GzipFile(fileobj=stream)
    try:
        yield from _READERS[list_format](stream)
    except (EOFError, OSError, zlib.error):
        raise SourceError("is no complete gzip file") from None
    except UnicodeDecodeError:
        raise SourceError("is no text in UTF-8") from None
    except RecursionError:
        raise SourceError("has JSON in it that is nested too deeply") from None


def format_of(name: str, content_type: str = "") -> str:
    """
    Return the format of a file.

    Args:
        name: Of the file, or of the path of a URL.
        content_type: As a web server has it; heeded where the name does not tell.
    """
    suffix = name.lower().removesuffix(".gz").rpartition(".")[2]
    for ending in (suffix, content_type.partition(";")[0].strip().rpartition("/")[2].lower()):
        if ending in _FORMATS:
            return _FORMATS[ending]
    return "text"


def _read_lines(stream: IO[bytes]) -> Iterator[tuple[str, str | InvalidProxyError]]:
    for number, line in enumerate(stream, 1):
        if number == 1:
            line = line.removeprefix(_BOM)
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            yield f":{number}", InvalidProxyError("is no text in UTF-8")
            continue
        if text:
            yield f":{number}", text


def _read_text(stream: IO[bytes]) -> Entries:
    for place, line in _read_lines(stream):
        if isinstance(line, str) and "#" in line:
            line = _COMMENT.sub("", line)
        if line:
            yield place, line


def _read_jsonl(stream: IO[bytes]) -> Entries:
    for place, line in _read_lines(stream):
        if isinstance(line, InvalidProxyError):
            yield place, line
            continue
        try:
            yield place, json.loads(line)
        except ValueError:  # it may show what the line has in it
            yield place, InvalidProxyError("is no JSON")


def _read_csv(stream: IO[bytes]) -> Entries:
    lines = TextIOWrapper(stream, encoding="utf-8-sig", newline="")
    try:
        header = lines.readline()
        delimiter = max(",;\t", key=header.count)
        names = [
            name.strip().lower() for name in next(csv.reader([header], delimiter=delimiter), [])
        ]
        if not {"url", "host"} & set(names):
            raise SourceError(
                "has no column 'url' or 'host': its first line must have the names of the fields"
            )
        rows = csv.reader(lines, delimiter=delimiter)
        for row in rows:
            if row:
                yield f":{1 + rows.line_num}", _fields_of_row(names, row)
    except csv.Error as error:
        raise SourceError(f"is no CSV: {error}") from None


def _fields_of_row(names: list[str], row: list[str]) -> dict[str, Any] | InvalidProxyError:
    if len(row) != len(names):
        return InvalidProxyError(f"has {len(row)} columns, and the first line {len(names)}")
    fields: dict[str, Any] = {
        name: value for name, value in zip(names, row, strict=True) if value.strip()
    }
    for name in fields.keys() & _NUMBERS:
        read = _read_number(fields[name])
        if read is None:
            return InvalidProxyError(f"has no number in the column {name!r}")
        fields[name] = read
    if "expires" in fields:
        seconds = _read_number(fields["expires"])
        fields["expires"] = fields["expires"] if seconds is None else seconds
    if "tags" in fields:
        fields["tags"] = [tag for tag in _BETWEEN_TAGS.split(fields["tags"]) if tag]
    return fields


def _read_number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            pass
    return None


def _read_json(stream: IO[bytes]) -> Entries:
    text = stream.read().removeprefix(_BOM).decode()
    decoder = json.JSONDecoder()
    try:
        start = _SPACE_OR_COMMA.match(text)
        place = start.end() if start else 0
        if text[place : place + 1] != "[":
            whole = decoder.decode(text)
            listed = whole.get("proxies") if isinstance(whole, dict) else None
            if not isinstance(listed, list):
                raise SourceError("has no list, nor an object with a list of 'proxies'")
            for number, entry in enumerate(listed):
                yield f"[{number}]", entry
            return
        number = 0
        place += 1
        while True:  # a value at a time: all of a large list at once would hold up the crawl
            between = _SPACE_OR_COMMA.match(text, place)
            place = between.end() if between else place
            if text[place : place + 1] == "]":
                return
            entry, place = decoder.raw_decode(text, place)
            yield f"[{number}]", entry
            number += 1
    except json.JSONDecodeError as error:
        raise SourceError(f"is no JSON: {error}") from None
    except ValueError:  # a number of too many digits
        raise SourceError("has a number in it that cannot be read") from None


_READERS: dict[str, Callable[[IO[bytes]], Entries]] = {
    "text": _read_text,
    "csv": _read_csv,
    "json": _read_json,
    "jsonl": _read_jsonl,
}

# By the ending of a file's name, or the second half of a media type.
_FORMATS = {
    "txt": "text",
    "plain": "text",
    "csv": "csv",
    "json": "json",
    "jsonl": "jsonl",
    "jl": "jsonl",
    "ndjson": "jsonl",
    "x-ndjson": "jsonl",
    "jsonlines": "jsonl",
}

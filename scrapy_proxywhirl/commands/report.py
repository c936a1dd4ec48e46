"""What checks came to, for people and for programs."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Sequence
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, TextIO

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from scrapy_proxywhirl.sources.formats import format_of
from scrapy_proxywhirl.sources.writing import written

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from scrapy_proxywhirl.commands.check import Check

_FIELDS = (
    "proxy",
    "url",
    "works",
    "median_ms",
    "p95_ms",
    "https",
    "exit_ip",
    "anonymity",
    "headers",
    "error",
)


@contextmanager
def progress() -> Iterator[tuple[Callable[[int], None], Callable[[], None]]]:
    """Show a bar where messages go, and give what is to be told of the whole and of each step."""
    with Progress(console=Console(stderr=True)) as bar:
        task = bar.add_task("proxies tried", total=None)
        yield lambda total: bar.update(task, total=total), lambda: bar.advance(task)


def write_report(checks: Sequence[Check], report_format: str, stream: TextIO) -> None:
    """
    Write what checks came to, those that work first and the faster ones before others.

    Args:
        checks: That came to anything.
        report_format: ``"table"``, ``"json"`` or ``"csv"``.
        stream: Where it goes; no credentials do.
    """
    fields = [_fields(check) for check in sorted(checks, key=_rank)]
    if report_format == "json":
        json.dump(fields, stream, indent=1)
        stream.write("\n")
    elif report_format == "csv":
        writer = csv.DictWriter(stream, _FIELDS, lineterminator="\n")
        writer.writeheader()
        for one in fields:
            writer.writerow({**one, "headers": ";".join(one["headers"] or ())})
    else:
        # Brackets and colons are a label's own.
        _print_table(fields, Console(file=stream, markup=False, emoji=False))


def write_good(checks: Sequence[Check], path: str) -> int:
    """
    Write the proxies that work as PROXYWHIRL_SOURCES reads them, credentials included.

    Args:
        checks: That came to anything.
        path: Of a file that is made for nobody else to read; its ending says the format.

    Returns:
        How many there are.

    Raises:
        OSError: It cannot be written.
    """
    good = [check.proxy for check in sorted(checks, key=_rank) if check.works]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w", encoding="utf-8") as stream:
        stream.write(written(good, format_of(path)))
    return len(good)


def _rank(check: Check) -> tuple[bool, float, str]:
    median_ms = check.median_ms
    return not check.works, inf if median_ms is None else median_ms, check.proxy.label


def _fields(check: Check) -> dict[str, Any]:
    return {
        "proxy": check.proxy.label,
        "url": check.proxy.url,
        "works": check.works,
        "median_ms": _rounded(check.median_ms),
        "p95_ms": _rounded(check.p95_ms),
        "https": check.https,
        "exit_ip": check.exit_ip,
        "anonymity": check.anonymity,
        "headers": check.telling,
        "error": check.error,
    }


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 1)


def _print_table(fields: list[dict[str, Any]], console: Console) -> None:
    table = Table()
    table.add_column("proxy", overflow="fold")
    table.add_column("works")
    table.add_column("median\nms", justify="right")
    table.add_column("p95\nms", justify="right")
    table.add_column("HTTPS")
    table.add_column("exit IP", overflow="fold")
    table.add_column("anonymity", overflow="fold")
    table.add_column("error", overflow="fold")
    for one in fields:
        headers = one["headers"]
        table.add_row(
            one["proxy"],
            _yes_or_no(one["works"]),
            _number(one["median_ms"]),
            _number(one["p95_ms"]),
            _yes_or_no(one["https"]),
            one["exit_ip"] or "-",
            f"{one['anonymity'] or '-'}" + (f": {', '.join(headers)}" if headers else ""),
            one["error"],
        )
    console.print(table)
    working = sum(one["works"] for one in fields)
    console.print(f"{working} of {len(fields)} proxies work")


def _yes_or_no(value: bool | None) -> str:
    return "-" if value is None else "yes" if value else "no"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f}"

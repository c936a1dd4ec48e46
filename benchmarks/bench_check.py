"""
How long a check of many proxies takes, of which half never answer.

    python -m benchmarks.bench_check

10,000 identities, half of a proxy of 40 ms and half of one that never answers, with a time-out of
5 s and all else as it is by default: three pages by HTTP, and one by HTTPS. Beside it, what waiting
alone would take: the time-outs, as many at a time as proxies are tried.
"""

from __future__ import annotations

import argparse
import csv
import io
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from scrapy_proxywhirl.commands.check import Trial
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.certificate import make_certificate

_TIMEOUT = 5.0


def main() -> None:
    """Check, and print."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bench_check")
    parser.add_argument("--proxies", type=int, default=10_000)
    options = parser.parse_args()
    half = options.proxies // 2
    specs = [ProxySpec(latency=0.04), ProxySpec(fault=Fault.HANG)]
    with TemporaryDirectory() as folder:
        certificate = Path(folder, "site.pem")
        certificate.write_bytes(make_certificate())
        with Playground(specs, str(certificate)) as playground:
            check(playground, folder, half)


def check(playground: Playground, folder: str, half: int) -> None:
    """Check as many of both."""
    hostports = [url.partition("//")[2] for url in playground.proxy_urls]
    lines = [f"user{place}:pw@{hostport}" for place in range(half) for hostport in hostports]
    Path(folder, "list.txt").write_text("\n".join(lines), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "scrapy", "proxies", "check", "list.txt", "--format", "csv"),
        *("--url", f"{playground.origin_url}/anything", "--timeout", str(_TIMEOUT)),
        *("--https-url", f"{playground.https_url}/anything"),
    ]
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    works = sum(row["works"] == row["https"] == "True" for row in rows)
    waiting = half * _TIMEOUT / Trial("", "").concurrency
    print(
        f"{len(rows):,} proxies, {works:,} work, HTTPS too: {seconds:.0f} s,"
        f" {seconds / waiting:.2f} times the {waiting:.0f} s of the time-outs"
    )


if __name__ == "__main__":
    main()

"""``scrapy proxies check``."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scrapy.http import Response, TextResponse
from twisted.web.client import ResponseFailed

from scrapy_proxywhirl import Proxy
from scrapy_proxywhirl.commands.check import Check, reason_of, told_by
from scrapy_proxywhirl.playground import Fault, Playground, ProxySpec
from tests.test_commands import project, scrapy
from tests.zyte_api import ZyteAPI

pytestmark = pytest.mark.timed

pytest.importorskip("rich", reason="the check is of the extra cli")


def answer(body: str | bytes) -> Response:
    if isinstance(body, bytes):
        return Response("http://site.example/", body=body)
    return TextResponse("http://site.example/", body=body.encode(), encoding="utf-8")


def check(playground: Playground, *arguments: str, folder: Path) -> Any:
    return scrapy(
        *("proxies", "check", "--url", f"{playground.origin_url}/anything"),
        *("--https-url", playground.https_url and f"{playground.https_url}/anything"),
        *("--timeout", "1", *arguments),
        folder=folder,
    )


@pytest.fixture
def mixed(certificate: str) -> Any:
    specs = [
        ProxySpec(latency=0.1),
        ProxySpec(credentials={"ann": "hunter2"}),
        ProxySpec(credentials={"ann": "hunter2"}),
        ProxySpec(fault=Fault.REFUSE),
        ProxySpec(fault=Fault.HANG),
        ProxySpec(fault=Fault.STATUS, status=503),
    ]
    with Playground(specs, certificate) as playground:
        yield playground


def mixed_list(playground: Playground) -> str:
    slow, _, wrong, *others = playground.proxy_urls
    return "\n".join(
        [slow, playground.proxy_url(1, "ann"), wrong.replace("//", "//ann:hunter3@"), *others]
    )


def test_zyte_api_is_not_asked_in_place_of_proxies(tmp_path: Path) -> None:
    pytest.importorskip("scrapy_zyte_api")
    with ZyteAPI() as api, Playground([ProxySpec(), ProxySpec(fault=Fault.REFUSE)]) as playground:
        settings = (
            "DOWNLOAD_HANDLERS = {'http': 'scrapy_zyte_api.ScrapyZyteAPIDownloadHandler'}\n"
            "ZYTE_API_TRANSPARENT_MODE = True\n"
            f"ZYTE_API_URL, ZYTE_API_KEY = '{api.url}/', 'key'\n"
            f"PROXYWHIRL_PROXIES = {playground.proxy_urls}\n"
        )
        folder = project(tmp_path, settings)

        done = check(playground, "--format", "json", folder=folder)

    assert "WARNING" not in done.stderr
    assert api.asked == []
    assert sorted(one["works"] for one in json.loads(done.stdout)) == [False, True]


def test_each_proxy_is_tried_and_the_good_ones_can_be_used(
    mixed: Playground, tmp_path: Path
) -> None:
    folder = project(tmp_path, "PROXYWHIRL_SOURCES = ['list.txt']")
    (tmp_path / "list.txt").write_text(mixed_list(mixed), encoding="utf-8")
    ports = [url.rpartition(":")[2] for url in mixed.proxy_urls]

    done = check(mixed, "--format", "json", "--output", "good.txt", folder=folder)

    assert done.returncode == 0, done.stderr
    assert "DeprecationWarning" not in done.stderr
    told = json.loads(done.stdout)
    by_port = {one["url"].rpartition(":")[2]: one for one in told}
    fast, slow = by_port[ports[1]], by_port[ports[0]]
    assert told[:2] == [fast, slow]
    for one in (fast, slow):
        assert one["works"] is True
        assert one["https"] is True
        assert one["exit_ip"] == "127.0.0.1"
        assert (one["anonymity"], one["headers"]) == ("visible", ["via"])
        assert one["error"] == ""
        assert one["median_ms"] <= one["p95_ms"]
    assert 100.0 <= slow["median_ms"] < 1000.0
    errors = [by_port[port]["error"] for port in ports[2:]]
    for error, ending in zip(
        errors, ("status 407", "ConnectionRefusedError", "TimeoutError", "status 503"), strict=True
    ):
        assert error.endswith(ending)  # Scrapy 2.19 has names of its own, which begin otherwise
    assert not any(by_port[port]["works"] for port in ports[2:])
    good = tmp_path / "good.txt"
    assert good.read_text(encoding="utf-8").splitlines() == [
        mixed.proxy_url(1, "ann"),
        mixed.proxy_urls[0],
    ]
    assert good.stat().st_mode & 0o077 == 0
    for secret in ("hunter2", "hunter3"):
        assert secret not in done.stdout + done.stderr
    again = check(mixed, "good.txt", "--format", "csv", "--rounds", "1", folder=folder)
    rows = list(csv.DictReader(io.StringIO(again.stdout)))
    assert [row["works"] for row in rows] == ["True", "True"]


def test_the_table_shows_it_to_people(mixed: Playground, tmp_path: Path) -> None:
    folder = project(tmp_path, f"PROXYWHIRL_PROXIES = {mixed_list(mixed).split()!r}")

    done = check(mixed, folder=folder)

    assert done.returncode == 0, done.stderr
    assert "2 of 6 proxies work" in done.stdout
    assert re.search(r"yes .* yes .* visible", done.stdout)
    assert "hunter2" not in done.stdout + done.stderr


def test_it_ends_with_one_where_none_works(play: Callable[..., Playground], tmp_path: Path) -> None:
    playground = play(ProxySpec(fault=Fault.REFUSE))
    (tmp_path / "list.txt").write_text(playground.proxy_urls[0], encoding="utf-8")

    done = check(playground, str(tmp_path / "list.txt"), folder=tmp_path)

    assert done.returncode == 1
    assert "0 of 1 proxies work" in done.stdout


def test_the_origin_is_asked_through_proxies_alone(playground: Playground, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("\n".join(playground.proxy_urls), encoding="utf-8")

    check(playground, "list.txt", "--rounds", "2", folder=tmp_path)

    assert len(playground.origin_log()) == 6
    assert all(entry["via"] for entry in playground.origin_log())


@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C is sent as a signal")
def test_what_is_known_is_told_when_it_is_interrupted(
    play: Callable[..., Playground], tmp_path: Path
) -> None:
    playground = play(ProxySpec(), ProxySpec(fault=Fault.HANG))
    good, hanging = (url.partition("//")[2] for url in playground.proxy_urls)
    lines = [good, *(f"user{place}:pw@{hanging}" for place in range(50))]
    (tmp_path / "list.txt").write_text("\n".join(lines), encoding="utf-8")
    command = [
        *(sys.executable, "-m", "scrapy", "proxies", "check", "list.txt", "--format", "csv"),
        *("--url", f"{playground.origin_url}/anything", "--https-url", ""),
        *("--concurrency", "5", "--timeout", "3"),
    ]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path
    ) as process:
        while len(playground.origin_log()) < 3:
            assert process.poll() is None  # it would be waited for until the end of time
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGINT)
        out, err = process.communicate(timeout=30)

    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows[0]["works"] == "True"
    assert len(rows) < 20
    assert f"{51 - len(rows)} of 51 were not tried" in err
    assert process.returncode == 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rounds", "0"], "--rounds is 0; it must be above 0"),
        (["--timeout", "-1"], "--timeout is -1.0; it must be above 0"),
        (["--format", "xml"], "--format is 'xml'; it must be table, json or csv"),
        (["--url", "ftp://site"], "'ftp://site' must begin with http://"),
        (["--https-url", "http://site"], "'http://site' must begin with https://"),
        (["nowhere.txt"], "nowhere.txt"),
        ([], "There is no proxy"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], message: str, tmp_path: Path) -> None:
    done = scrapy("proxies", "check", *arguments, folder=tmp_path)

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("page", "exit_ip", "telling"),
    [
        ('{"origin": "1.2.3.4", "headers": {"Host": "x"}}', "1.2.3.4", []),
        ('{"ip": "2001:DB8::1"}', "2001:db8::1", None),
        (
            '{"origin": "1.2.3.4, 5.6.7.8", "headers": {"Via": "p", "X-Forwarded-For": "me"}}',
            "1.2.3.4",
            ["Via", "X-Forwarded-For"],
        ),
        ("1.2.3.4\n", "1.2.3.4", None),
        ('"1.2.3.4"', "1.2.3.4", None),
        ("<title>1.2.3.4</title>", None, None),
        ('{"origin": {"a": 1}, "headers": [1]}', None, None),
        ("[1, 2]", None, None),
        ("12", None, None),
        ("[" * 50_000, None, None),
        (b"\xff\x00", None, None),
        ("", None, None),
    ],
)
def test_what_a_page_tells_is_read(
    page: str | bytes, exit_ip: str | None, telling: list[str] | None
) -> None:
    assert told_by(answer(page)) == (exit_ip, telling)


def test_the_figures_of_a_check() -> None:
    one = Check(Proxy("a:1"))
    assert (one.works, one.median_ms, one.p95_ms, one.anonymity) == (False, None, None, None)
    one.answers = 1
    assert (one.works, one.median_ms, one.p95_ms) == (True, None, None)
    one.latencies_ms = [100.0]
    assert (one.works, one.median_ms, one.p95_ms) == (True, 100.0, 100.0)
    one.latencies_ms = [float(ms) for ms in range(1, 102)]
    assert (one.median_ms, one.p95_ms) == (51.0, 96.0)
    one.telling = []
    assert one.anonymity == "elite"


def test_labels_stand_in_the_table_as_they_are_and_those_not_measured_behind_others() -> None:
    from scrapy_proxywhirl.commands.report import write_report

    labels = ["[red]:smile:", "[/nope]", "broken"]
    checks = [Check(Proxy("h:1", label=label)) for label in labels] + [Check(Proxy("[fe80::1]:1"))]
    checks[1].latencies_ms = [7.0]
    for one in (checks[0], checks[1], checks[3]):
        one.answers = 1
    stream = io.StringIO()

    write_report(checks, "table", stream)

    rows = [line for line in stream.getvalue().splitlines() if "yes" in line or "no " in line]
    assert [row.split()[1] for row in rows] == ["[/nope]", "[fe80::1]:1", "[red]:smile:", "broken"]
    assert "3 of 4 proxies work" in stream.getvalue()


def test_the_reason_within_another_is_told() -> None:
    from twisted.python.failure import Failure

    assert reason_of(ResponseFailed([Failure(ConnectionError("x"))])) == "ConnectionError"
    assert reason_of(OSError("x")) == "OSError"

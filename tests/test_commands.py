from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.list_server import ListServer

pytestmark = pytest.mark.timed


def scrapy(
    *arguments: str, code: str = "pass", folder: Path | None = None
) -> subprocess.CompletedProcess[str]:
    run = f"{code}; from scrapy.cmdline import execute; execute()"
    command = [sys.executable, "-c", run, *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=120, check=False, cwd=folder
    )


def project(folder: Path, settings: str) -> Path:
    """Make a project of Scrapy's with *settings*."""
    (folder / "scrapy.cfg").write_text("[settings]\ndefault = shop\n", encoding="utf-8")
    (folder / "shop.py").write_text(settings, encoding="utf-8")
    return folder


def test_the_demo_shows_that_performance_is_faster() -> None:
    pytest.importorskip("rich", reason="the demo is an extra: cli")

    done = scrapy("proxies", "demo", "--pages", "200")

    assert done.returncode == 0, done.stderr
    rows = re.findall(r"│ +(\d+) ms │ +(\d+) │.*?│ +(\d+) │", done.stdout)
    assert [int(latency) for latency, _, _ in rows] == list(range(40, 401, 40))
    assert [int(attempts) for _, attempts, _ in rows] == [20] * 10
    assert sum(int(attempts) for _, _, attempts in rows) == 200
    means = [int(mean) for mean in re.findall(r"Mean response time, .*: (\d+) ms", done.stdout)]
    assert means[1] < 0.9 * means[0]
    assert "By performance against in turn: -" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "what to do? There are: check, list, demo"),
        (["dance"], "what to do? There are: check, list, demo"),
        (["demo", "--pages", "0"], "--pages is 0; it must be at least 1"),
    ],
)
def test_what_cannot_be_done_is_said(arguments: list[str], message: str) -> None:
    done = scrapy("proxies", *arguments)

    assert done.returncode == 2
    assert message in done.stderr


def test_without_rich_the_demo_says_how_to_get_it() -> None:
    done = scrapy("proxies", "demo", code="import sys; sys.modules['rich'] = None")

    assert done.returncode == 2
    assert "pip install 'scrapy-proxywhirl[cli]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_another_import_that_fails_is_not_hidden() -> None:
    pytest.importorskip("rich", reason="it is what is imported first")
    blocked = "import sys; sys.modules['scrapy_proxywhirl.playground'] = None"

    done = scrapy("proxies", "demo", code=blocked)

    assert done.returncode == 1
    assert "ModuleNotFoundError" in done.stderr


def test_a_projects_pool_is_listed_with_where_each_proxy_came_from(tmp_path: Path) -> None:
    (tmp_path / "more.txt").write_text("http://b:1\nnonsense\nhttp://ann:hunter2@b:1\n")
    with ListServer() as server:
        server.content = b"http://c:1\n"
        settings = f"""
ADDONS = {{"scrapy_proxywhirl.Addon": 500}}
PROXYWHIRL_PROXIES = [
    {{"url": "http://ann:hunter2@a:1", "label": "first", "country": "DE", "tags": ["x", "y"]}},
]
PROXYWHIRL_SOURCES = ["more.txt", "{server.url}/list?key=sesame"]
FEEDS = {{"items.json": {{"format": "json", "store_empty": True}}}}
JOBDIR = "job"
"""

        done = scrapy("proxies", "list", folder=project(tmp_path, settings))

    assert done.returncode == 0, done.stderr
    lines = [re.sub(r"~\w+", "~", line).split() for line in done.stdout.splitlines()]
    assert lines == [
        ["proxy", "url", "country", "tags", "from"],
        ["first", "http://a:1", "DE", "x,y", "PROXYWHIRL_PROXIES"],
        ["b:1~", "http://b:1", "more.txt"],
        ["b:1~", "http://b:1", "more.txt"],
        ["c:1", "http://c:1", f"{server.url}/list"],
    ]
    assert "more.txt has 1 entries that cannot be used" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr
    assert "sesame" not in done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {
        *("scrapy.cfg", "shop.py", "more.txt", "__pycache__")
    }


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ("", "There is no proxy: list some in PROXYWHIRL_PROXIES"),
        ("PROXYWHIRL_PROXIES = ['a:1', 'b']", "PROXYWHIRL_PROXIES[1]: "),
        ("PROXYWHIRL_PROXIES = ['a:1']\nPROXYWHIRL_COOLDOWN = -1", "PROXYWHIRL_COOLDOWN is -1"),
        (
            "DOWNLOADER_MIDDLEWARES = {'scrapy_proxywhirl.ProxyWhirlMiddleware': None}",
            "ProxyWhirlMiddleware is disabled",
        ),
    ],
)
def test_what_is_wrong_with_the_settings_is_said(
    settings: str, message: str, tmp_path: Path
) -> None:
    done = scrapy("proxies", "list", folder=project(tmp_path, settings))

    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_source_that_has_nothing_is_told_of(tmp_path: Path) -> None:
    with ListServer() as server:
        server.status = 503
        settings = f"PROXYWHIRL_SOURCES = ['{server.url}/list']\nRETRY_ENABLED = False"

        done = scrapy("proxies", "list", folder=project(tmp_path, settings))

    assert done.returncode == 1
    assert f"{server.url}/list cannot be fetched: status 503" in done.stderr

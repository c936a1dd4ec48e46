from __future__ import annotations

import re
import subprocess
import sys

import pytest


def scrapy(*arguments: str, code: str = "pass") -> subprocess.CompletedProcess[str]:
    run = f"{code}; from scrapy.cmdline import execute; execute()"
    command = [sys.executable, "-c", run, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


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
        ([], "what to do? There is: demo"),
        (["dance"], "what to do? There is: demo"),
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

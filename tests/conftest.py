from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import hypothesis
import pytest

from scrapy_proxywhirl import Proxy, ProxyPool
from scrapy_proxywhirl.playground import Playground, ProxySpec
from tests.certificate import make_certificate
from tests.redis_server import RedisServer, why_not

# Machines are shared: how long an example takes says nothing.
hypothesis.settings.register_profile(
    "project", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("project")

# Tests in these compare times, or what comes of times: shares, and how much was under way. What a
# machine does besides spoils such a figure now and then, so that each of them has three tries; all
# others have one.
_TIMED = {
    "integration/test_choices.py",
    "integration/test_cooldowns.py",
    "integration/test_faulty_proxies.py",
    "integration/test_limits.py",
    "integration/test_response_times.py",
    "integration/test_rotation_strategies.py",
    "integration/test_scope.py",
    "integration/test_shared_state.py",
    "integration/test_state.py",
    "integration/test_timeouts.py",
    "integration/test_waiting.py",
    "tests/test_check.py",
    "tests/test_commands.py",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "/".join(item.path.parts[-2:]) in _TIMED:
            item.add_marker(pytest.mark.flaky(reruns=2))
            item.add_marker("timed")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    # tox runs the timed tests and the others apart: of a few that are asked for, one run has none.
    if exitstatus == pytest.ExitCode.NO_TESTS_COLLECTED and session.config.option.markexpr:
        session.exitstatus = pytest.ExitCode.OK


@pytest.fixture
def rng() -> Random:
    return Random(20261125)


@pytest.fixture
def play() -> Iterator[Callable[..., Playground]]:
    """Start playgrounds, which end with the test."""
    with ExitStack() as stack:
        yield lambda *proxies: stack.enter_context(Playground(proxies))


@pytest.fixture
def redis_server(tmp_path: Path) -> Iterator[RedisServer]:
    """Start a Redis server, which ends with the test."""
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with RedisServer(tmp_path) as server:
        yield server


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Make a certificate of this machine's own, and return the file that has it and its key."""
    path = tmp_path_factory.mktemp("certificate") / "site.pem"
    path.write_bytes(make_certificate())
    return str(path)


@pytest.fixture
def http2_url(certificate: str) -> Iterator[str]:
    """A site in this process that speaks HTTP/2, and says so."""
    pytest.importorskip("priority", reason="Twisted speaks HTTP/2 with it")
    from tests.http2_site import http2_site  # it brings the reactor

    with http2_site(certificate) as url:
        yield url


@pytest.fixture
def playground(play: Callable[..., Playground]) -> Playground:
    """A playground with three proxies that do what they should."""
    return play(ProxySpec(), ProxySpec(), ProxySpec())


@pytest.fixture
def make_pool() -> Callable[..., ProxyPool]:
    """Make pools of proxies by their EMAs in milliseconds, None for none."""

    def make(*emas: float | None) -> ProxyPool:
        pool = ProxyPool(name="test")
        for number, ema in enumerate(emas):
            proxy = Proxy(f"http://10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}:8080")
            pool.add_proxy(proxy)
            proxy.ema_response_time_ms = ema
        return pool

    return make

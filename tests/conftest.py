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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    # What a machine does besides spoils what comes of times now and then: those tests have three
    # tries, and all others have one.
    for item in items:
        if item.get_closest_marker("timed"):
            item.add_marker(pytest.mark.flaky(reruns=2))


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

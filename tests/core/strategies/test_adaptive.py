from __future__ import annotations

from collections.abc import Callable
from random import Random

import pytest

from scrapy_proxywhirl import AdaptiveStrategy, ProxyPool, StrategyConfig

MakePool = Callable[..., ProxyPool]


@pytest.mark.parametrize("config", [None, StrategyConfig(weight_exponent=1.0, load_aware=False)])
def test_weights_are_squares_and_shrink_with_what_is_in_flight(
    config: StrategyConfig | None, make_pool: MakePool, rng: Random
) -> None:
    pool = make_pool(100.0, 100.0)
    busy, _ = pool
    busy.start_request()
    strategy = AdaptiveStrategy(config, rng=rng)

    picked = []
    for _ in range(4000):
        picked.append(proxy := strategy.select(pool))
        proxy.abandon_request()

    # 1 / (2 * 100) ** 2 against 1 / 100 ** 2.
    assert picked.count(busy) / 4000 == pytest.approx(0.2, abs=0.03)


def test_the_rest_of_a_config_is_heeded(make_pool: MakePool) -> None:
    strategy = AdaptiveStrategy()
    strategy.configure(StrategyConfig(ema_alpha=0.5, weight_exponent=3.0))

    assert strategy.config == StrategyConfig(ema_alpha=0.5, weight_exponent=2.0, load_aware=True)

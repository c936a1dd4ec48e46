"""What a request wants of its proxy, whatever selects."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection
from random import Random
from typing import Any

import pytest

from scrapy_proxywhirl import (
    NoMatchingProxyError,
    PerformanceBasedStrategy,
    PoolCooldowns,
    PoolLimits,
    PoolSessions,
    Proxy,
    ProxyFilter,
    ProxyPool,
    ProxyPoolEmptyError,
    ProxySet,
    RoundRobinStrategy,
    SelectionContext,
    Strategy,
    StrategyConfig,
    Wanted,
)
from scrapy_proxywhirl.core import STRATEGIES
from scrapy_proxywhirl.core.excluded import PATIENCE, LessPreferred, either
from tests.core.test_cooldown import OTHER, SITE, Clock, FullRests

GERMAN = Wanted(only=ProxyFilter(country="DE"))
MakeStrategy = Callable[..., Strategy]


@pytest.fixture(params=sorted(STRATEGIES))
def make_strategy(request: pytest.FixtureRequest) -> MakeStrategy:
    strategy: MakeStrategy = STRATEGIES[request.param]
    return strategy


class World:
    """A pool of proxies in many countries, with all that a pool may have."""

    def __init__(self, *proxies: dict[str, Any], concurrency: int = 0) -> None:
        self.clock = Clock()
        self.pool = ProxyPool(
            "test",
            cooldowns=PoolCooldowns(2.0, 60.0, self.clock, FullRests()),
            limits=PoolLimits(concurrency, 0.0, self.clock),
            sessions=PoolSessions(300.0, self.clock),
        )
        for number, fields in enumerate(proxies):
            self.join(f"p{number}", **fields)

    def join(self, name: str, **fields: Any) -> Proxy:
        proxy = Proxy(f"http://{name}:1", label=name, **fields)
        self.pool.add_proxy(proxy)
        proxy.ema_response_time_ms = 100.0
        return proxy

    def __getitem__(self, label: str) -> Proxy:
        proxy = self.pool.find_proxy(label)
        assert proxy
        return proxy

    def labels(
        self,
        strategy: Strategy,
        wanted: Wanted | None,
        times: int = 100,
        failed: tuple[str, ...] = (),
    ) -> Counter[str]:
        context = SelectionContext(failed, domain=SITE, wanted=wanted)
        counts: Counter[str] = Counter()
        for _ in range(times):
            proxy = strategy.select(self.pool, context)
            proxy.abandon_request(SITE, self.clock.now)
            counts[proxy.label] += 1
        return counts

    def know_only(self, labels: set[str]) -> None:
        """Let these have answered, and nothing be known of the others."""
        for proxy in self.pool:
            proxy.ema_response_time_ms = None
            if proxy.label in labels:
                proxy.complete_request(True, 100.0)

    def fail(self, label: str, **result: Any) -> None:
        self[label].start_request()
        self[label].complete_request(False, started=self.clock.now, **result)


COUNTRIES = ["DE", "FR", "DE", "US", None, "DE"]


@pytest.mark.parametrize(
    ("only", "expected"),
    [
        (ProxyFilter(country="DE"), {"p0", "p2"}),
        (ProxyFilter(country="FR"), {"p1"}),
        (ProxyFilter(region="Hesse"), {"p2", "p3"}),
        (ProxyFilter(country="DE", region="Hesse"), {"p2"}),
        (ProxyFilter(tags=frozenset({"fast"})), {"p0", "p1"}),
        (ProxyFilter(tags=frozenset({"fast", "paid"})), {"p1"}),
        (ProxyFilter(country="DE", tags=frozenset({"fast"})), {"p0"}),
        (ProxyFilter(), {"p0", "p1", "p2", "p3"}),
    ],
)
def test_filters_combine(
    only: ProxyFilter, expected: set[str], make_strategy: MakeStrategy
) -> None:
    world = World(
        {"country": "de", "tags": ["fast"]},
        {"country": "FR", "tags": ["fast", "paid"]},
        {"country": "DE", "region": "Hesse"},
        {"country": "US", "region": "Hesse"},
    )

    assert set(world.labels(make_strategy(), Wanted(only=only))) == expected


def test_what_joins_and_leaves_is_in_the_part_it_fits(make_strategy: MakeStrategy) -> None:
    world = World({"country": "DE"}, {"country": "FR"})
    strategy = make_strategy()
    assert set(world.labels(strategy, GERMAN, 1)) == {"p0"}

    world.join("new", country="DE")
    world.join("another", country="FR")
    assert set(world.labels(strategy, GERMAN)) == {"p0", "new"}

    world.pool.remove_proxy(world["p0"])
    world.pool.remove_proxy(world["another"])
    assert set(world.labels(strategy, GERMAN)) == {"new"}


def test_faster_proxies_of_a_country_are_selected_more_often_as_they_become_faster() -> None:
    world = World(*({"country": country} for country in COUNTRIES))
    strategy = PerformanceBasedStrategy(StrategyConfig())
    world.labels(strategy, GERMAN)

    for label, ema in (("p0", 50.0), ("p2", 100.0), ("p5", 200.0), ("p1", 1.0)):
        world[label].ema_response_time_ms = ema
    shares = world.labels(strategy, GERMAN, 7000)

    assert shares["p0"] == pytest.approx(4000, abs=250)
    assert shares["p2"] == pytest.approx(2000, abs=250)
    assert shares["p5"] == pytest.approx(1000, abs=250)


def test_every_proxy_of_a_country_has_its_turn() -> None:
    world = World(*({"country": country} for country in COUNTRIES))
    strategy = RoundRobinStrategy()

    for _ in range(3):
        world.labels(strategy, None, 1)
        world.labels(strategy, GERMAN, 3)

    assert world.labels(strategy, GERMAN, 3) == Counter(["p0", "p2", "p5"])
    assert world.labels(strategy, None, 6) == Counter(f"p{number}" for number in range(6))


def test_one_that_rests_or_is_busy_or_banned_is_not_selected_by_a_filter_either(
    make_strategy: MakeStrategy,
) -> None:
    world = World(*[{"country": "DE"}] * 4, {"country": "FR"}, concurrency=1)
    strategy = make_strategy()
    world.fail("p0")
    world.fail("p1", banned=True, domain=SITE)
    world["p2"].start_request()

    assert set(world.labels(strategy, GERMAN)) == {"p3"}


def test_where_all_that_fit_rest_there_is_none_and_the_first_due_is_tried(
    make_strategy: MakeStrategy,
) -> None:
    world = World({"country": "DE"}, {"country": "DE"}, {"country": "FR"})
    strategy = make_strategy()
    for label in ("p0", "p1", "p2"):
        for _ in range(5):  # they rest for 32 s
            world.fail(label)
            world.clock.passes(60)
    world["p2"].start_request()
    world["p2"].complete_request(True, 100.0)
    world.fail("p0")
    world.clock.passes(1.0)
    world.fail("p1")
    context = SelectionContext(domain=SITE, wanted=GERMAN)

    tried = strategy.select(world.pool, context)

    assert tried.label == "p0"
    with pytest.raises(ProxyPoolEmptyError, match="rest, are busy"):  # one at a time
        strategy.select(world.pool, context)
    assert set(world.labels(strategy, None)) == {"p2"}
    tried.complete_request(True, 100.0, domain=SITE, started=world.clock.now)
    assert "p0" in world.labels(strategy, GERMAN)


def test_a_drought_of_one_country_does_not_end_with_another_countrys_page() -> None:
    world = World({"country": "DE"}, {"country": "FR"})
    strategy = RoundRobinStrategy()
    context = SelectionContext(domain=SITE, wanted=GERMAN)
    for _ in range(5):
        world.fail("p0")
        world.clock.passes(40)
    world.fail("p0")
    assert strategy.select(world.pool, context) is world["p0"]
    with pytest.raises(ProxyPoolEmptyError):
        strategy.select(world.pool, context)

    french = strategy.select(world.pool, SelectionContext(domain=SITE))
    french.complete_request(True, 100.0, domain=SITE, started=world.clock.now)

    assert world["p0"].is_resting
    world.clock.passes(2.0)
    assert strategy.select(world.pool, context) is world["p0"]


@pytest.mark.parametrize("left", [1, 5, 30])
def test_of_a_country_that_a_site_has_mostly_banned_the_rest_is_selected(
    left: int, make_strategy: MakeStrategy
) -> None:
    world = World(*[{"country": "DE"}] * 300, *[{"country": "FR"}] * 300)
    for number in range(left, 300):
        world.fail(f"p{number}", banned=True, domain=SITE)
    strategy = make_strategy()

    expected = {f"p{number}" for number in range(left)}
    assert set(world.labels(strategy, GERMAN, 1500)) == expected

    world.clock.passes(2.0)
    assert len(world.labels(strategy, GERMAN, 1500)) > left


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (Wanted(ProxyFilter(country="JP")), "of the country 'JP'"),
        (Wanted(ProxyFilter(region="Mars")), "of the region 'Mars'"),
        (
            Wanted(ProxyFilter(country="DE", tags=frozenset({"b", "a"}))),
            "of the country 'DE', tagged 'a' and 'b'",
        ),
        (Wanted(proxy_id="of another pool"), "the one that is named"),
    ],
)
def test_what_no_proxy_is_is_told_apart_from_what_rests(
    wanted: Wanted, words: str, make_strategy: MakeStrategy
) -> None:
    world = World({"country": "DE"}, {"country": "FR"})

    with pytest.raises(NoMatchingProxyError, match=f"No proxy of the pool 'test' is {words}"):
        make_strategy().select(world.pool, SelectionContext(domain=SITE, wanted=wanted))


def test_what_is_excluded_is_never_selected(make_strategy: MakeStrategy) -> None:
    world = World(*({"country": country} for country in COUNTRIES))
    strategy = make_strategy()
    wanted = GERMAN._replace(exclude=frozenset({world["p0"].id, world["p1"].id}))

    assert set(world.labels(strategy, wanted)) == {"p2", "p5"}
    for label in ("p2", "p5"):
        world.fail(label)
    with pytest.raises(ProxyPoolEmptyError):
        world.labels(strategy, wanted)
    world.clock.passes(1.9)
    with pytest.raises(ProxyPoolEmptyError):
        world.labels(strategy, wanted)


def test_excluding_all_that_fit_leaves_none_that_is_wanted() -> None:
    world = World({"country": "DE"}, {"country": "DE"}, {"country": "FR"})
    wanted = GERMAN._replace(exclude=frozenset({world["p0"].id, world["p1"].id}))

    with pytest.raises(NoMatchingProxyError, match="'DE', other than the 2 that are excluded"):
        world.labels(RoundRobinStrategy(), wanted)
    with pytest.raises(NoMatchingProxyError, match="is other than the 3"):
        world.labels(RoundRobinStrategy(), Wanted(exclude=frozenset(one.id for one in world.pool)))


def test_the_one_that_is_named_is_selected_or_none(make_strategy: MakeStrategy) -> None:
    world = World({}, {}, {})
    strategy = make_strategy()
    named = Wanted(proxy_id=world["p1"].id)

    assert set(world.labels(strategy, named)) == {"p1"}
    world.fail("p1")
    with pytest.raises(ProxyPoolEmptyError) as caught:
        world.labels(strategy, named)
    assert not isinstance(caught.value, NoMatchingProxyError)
    world.clock.passes(2.0)
    assert set(world.labels(strategy, named)) == {"p1"}


def test_one_that_is_named_has_to_fit_the_filter() -> None:
    world = World({"country": "DE"}, {"country": "FR"})

    with pytest.raises(NoMatchingProxyError):
        world.labels(RoundRobinStrategy(), GERMAN._replace(proxy_id=world["p1"].id))
    assert world.labels(RoundRobinStrategy(), GERMAN._replace(proxy_id=world["p0"].id)) == {
        "p0": 100
    }


def test_a_session_stays_on_one_proxy(make_strategy: MakeStrategy) -> None:
    world = World(*[{}] * 20)
    strategy = make_strategy()

    used = [set(world.labels(strategy, Wanted(session=f"s{number}"))) for number in range(40)]

    assert all(len(proxies) == 1 for proxies in used)
    assert len(set.union(*used)) > 5


def test_over_10000_selections_all_of_a_session_are_on_one_proxy() -> None:
    world = World(*[{}] * 50)
    strategy = PerformanceBasedStrategy(StrategyConfig(warmup_proxies=50, exploration=0.05))
    rng = Random(7)
    used: dict[str, set[Proxy]] = {}

    for _ in range(10_000):
        session = f"s{rng.randrange(200)}"
        proxy = strategy.select(
            world.pool, SelectionContext(domain=SITE, wanted=Wanted(session=session))
        )
        strategy.record_result(proxy, True, rng.uniform(40.0, 400.0), domain=SITE)
        world.clock.passes(0.01)
        used.setdefault(session, set()).add(proxy)

    assert [len(proxies) for proxies in used.values()] == [1] * 200


@pytest.mark.parametrize("how", ["fails", "rests", "is banned", "leaves", "is excluded"])
def test_a_session_whose_proxy_cannot_be_had_moves_once(
    how: str, make_strategy: MakeStrategy
) -> None:
    world = World(*[{}] * 20)
    strategy = make_strategy()
    wanted = Wanted(session="cart")
    ((before, _),) = world.labels(strategy, wanted).items()

    failed: tuple[str, ...] = ()
    if how == "fails":
        failed = (world[before].id,)
    elif how == "rests":
        world.fail(before)
    elif how == "is banned":
        world.fail(before, banned=True, domain=SITE)
    elif how == "leaves":
        world.pool.remove_proxy(world[before])
    else:
        wanted = wanted._replace(exclude=frozenset({world[before].id}))
    ((after, _),) = world.labels(strategy, wanted, 1, failed).items()
    world.clock.passes(100.0)  # the one before is back

    assert after != before
    assert set(world.labels(strategy, wanted._replace(exclude=frozenset()))) == {after}


def test_a_session_waits_for_its_proxy_where_that_is_but_busy(make_strategy: MakeStrategy) -> None:
    world = World(*[{}] * 5, concurrency=1)
    strategy = make_strategy()
    context = SelectionContext(domain=SITE, wanted=Wanted(session="cart"))

    first = strategy.select(world.pool, context)
    for _ in range(3):
        with pytest.raises(ProxyPoolEmptyError):
            strategy.select(world.pool, context)
        world.clock.passes(3.0)
    strategy.record_result(first, True, 10.0)

    assert strategy.select(world.pool, context) is first


def test_a_session_that_was_idle_for_long_may_move() -> None:
    world = World(*[{}] * 50)
    strategy = RoundRobinStrategy()
    wanted = Wanted(session="cart")

    for _ in range(5):
        world.clock.passes(299.0)
        assert set(world.labels(strategy, wanted)) == {"p0"}
    world.clock.passes(301.0)

    assert set(world.labels(strategy, wanted)) == {"p1"}


def test_a_session_keeps_to_the_country_that_it_asks_for() -> None:
    world = World({"country": "FR"}, {"country": "DE"}, {"country": "DE"})
    strategy = RoundRobinStrategy()

    assert set(world.labels(strategy, Wanted(session="a"))) == {"p0"}
    assert len(world.labels(strategy, GERMAN._replace(session="a"))) == 1
    assert set(world.labels(strategy, Wanted(session="a"))) <= {"p1", "p2"}


def test_sessions_need_a_pool_that_keeps_them() -> None:
    pool = ProxyPool()
    for port in (1, 2):
        pool.add_proxy(Proxy(f"http://h:{port}"))
    context = SelectionContext(wanted=Wanted(session="a"))

    assert {RoundRobinStrategy().select(pool, context).label for _ in range(4)} == {"h:1"}
    strategy = RoundRobinStrategy()
    assert {strategy.select(pool, context).label for _ in range(4)} == {"h:1", "h:2"}


def test_sessions_of_an_outage_share_its_tries() -> None:
    world = World({}, {})
    strategy = RoundRobinStrategy()
    for label in ("p0", "p1"):
        for _ in range(5):
            world.fail(label)
            world.clock.passes(60.0)
    for label in ("p0", "p1"):
        world.fail(label)
    contexts = [
        SelectionContext(domain=SITE, wanted=Wanted(session=f"s{number}")) for number in range(9)
    ]

    def tried() -> int:
        count = 0
        for context in contexts:
            try:
                strategy.select(world.pool, context)
            except ProxyPoolEmptyError:
                continue
            count += 1
        return count

    assert tried() == 1
    world.clock.passes(1.9)
    assert tried() == 0
    world.clock.passes(0.1)
    assert tried() == 1


def test_a_retry_prefers_another_group(make_strategy: MakeStrategy) -> None:
    world = World(*[{"group": "a"}] * 50, {"group": "b"}, {"group": "c"})
    strategy = make_strategy()

    assert set(world.labels(strategy, None, failed=(world["p0"].id,))) <= {"p50", "p51"}
    failed = (world["p0"].id, world["p50"].id)
    assert set(world.labels(strategy, None, failed=failed)) == {"p51"}


def test_where_all_of_other_groups_are_away_a_retry_takes_the_same_group(
    make_strategy: MakeStrategy,
) -> None:
    world = World(*[{"group": "a"}] * 3, {"group": "b"})
    strategy = make_strategy()
    world.fail("p3")

    assert set(world.labels(strategy, None, failed=(world["p0"].id,))) == {"p1", "p2"}


def test_one_that_may_be_dead_is_not_preferred_for_its_group(make_strategy: MakeStrategy) -> None:
    world = World(*[{"group": "a"}] * 3, {"group": "b"}, {"group": "b"})
    world["p3"].ema_response_time_ms = None  # nothing is known of it
    world.fail("p4")
    world.clock.passes(30.0)  # it may be tried again
    retries, others = (
        make_strategy(StrategyConfig(exploration=0.05), rng=Random(1)) for _ in range(2)
    )

    selected = world.labels(retries, None, failed=(world["p0"].id,))

    # By whatever strategy as often as where groups are not looked at.
    usual = world.labels(others, Wanted(exclude=frozenset({world["p0"].id})))
    assert selected["p3"] + selected["p4"] <= usual["p3"] + usual["p4"] + 15


def test_a_retry_finds_the_few_that_work_among_many_of_which_nothing_is_known(
    make_strategy: MakeStrategy,
) -> None:
    world = World(*({"group": f"g{number}"} for number in range(5000)))
    working = {f"p{number}" for number in (1000, 2000, 3000, 4000)}
    world.know_only(working)
    strategy = make_strategy(StrategyConfig(warmup_proxies=2, exploration=0.05), rng=Random(1))

    selected = world.labels(strategy, None, failed=(world["p1000"].id,))

    assert set(selected) == working - {"p1000"}


def test_where_none_of_another_group_is_known_to_work_a_retry_takes_any_other(
    make_strategy: MakeStrategy,
) -> None:
    world = World(*[{"group": "a"}] * 400, *({"group": f"b{number}"} for number in range(400)))
    world.know_only({f"p{number}" for number in range(400)})
    strategy = make_strategy(StrategyConfig(warmup_proxies=2, exploration=0.05), rng=Random(1))

    selected = world.labels(strategy, None, failed=(world["p0"].id,))

    assert len(selected) > 30
    assert "p0" not in selected


def test_a_wish_is_given_up_after_a_while_and_what_must_not_be_selected_never_is() -> None:
    world = World(*[{"group": "a"}] * (PATIENCE + 3), {"group": "b"})
    first, *others = (proxy.id for proxy in world.pool.proxies[:-1])
    wish = LessPreferred(world.pool, {"a"}, {first})

    assert len(wish) == len(set(wish)) == len(others) + 1
    assert [one in wish for one in others] == [True] * PATIENCE + [False] * 2
    assert first in wish
    assert others[-1] in either(wish, others[-1:])
    assert wish
    assert world.pool.proxies[-1].id not in LessPreferred(world.pool, {"a"}, ())


def test_a_pool_of_one_group_has_no_preference(make_strategy: MakeStrategy) -> None:
    world = World(*[{"group": "a"}] * 3)

    assert set(world.labels(make_strategy(), None, failed=(world["p0"].id,))) == {"p1", "p2"}


def test_a_group_is_preferred_where_a_site_has_banned_most_too() -> None:
    world = World(*[{"group": "a"}] * 100, *[{"group": "b"}] * 2)
    for number in range(10, 100):
        world.fail(f"p{number}", banned=True, domain=SITE)

    selected = world.labels(RoundRobinStrategy(), None, failed=(world["p0"].id,))

    assert set(selected) == {"p100", "p101"}


def test_many_filters_are_remembered_and_the_oldest_forgotten() -> None:
    world = World(*({"tags": [f"t{number}"]} for number in range(600)))
    strategy = RoundRobinStrategy()

    for number in (*range(600), *range(600)):
        wanted = Wanted(ProxyFilter(tags=frozenset({f"t{number}"})))
        assert set(world.labels(strategy, wanted, 1)) == {f"p{number}"}
    views = world.pool._views
    assert views
    assert len(views._views) == 512
    assert sum(map(len, views._with.values())) == 512  # nothing else is told of changes

    with world.pool.lock:
        newest = world.pool.view(ProxyFilter(tags=frozenset({"t599"})))
        again = world.pool.view(ProxyFilter(tags=frozenset({"t599"})))
    assert newest is again
    assert repr(newest).startswith("<PoolView \"test, tagged 't599'\" [1 proxies")


def test_droughts_of_many_kinds_of_pages_are_bounded() -> None:
    world = World({})
    for _ in range(5):
        world.fail("p0")
        world.clock.passes(60.0)
    world.fail("p0")
    strategy = RoundRobinStrategy()

    for number in range(1100):
        wanted = Wanted(exclude=frozenset({f"x{number}"}))
        context = SelectionContext(domain=OTHER, wanted=wanted)
        assert strategy.select(world.pool, context) is world["p0"]
        world["p0"].abandon_request(OTHER, world.clock.now)

    cooldowns = world.pool.cooldowns
    assert cooldowns
    assert len(cooldowns._droughts.by_domain[OTHER]) <= 512


class Listing(RoundRobinStrategy):
    """A user's own, which lists what it must not choose, each time."""

    def __init__(self) -> None:
        super().__init__()
        self.lists: list[list[str]] = []

    def pick(self, pool: ProxySet, excluded: Collection[str], domain: str | None) -> Proxy | None:
        self.lists.append(sorted(excluded))
        assert len(excluded) == len(self.lists[-1])
        return super().pick(pool, excluded, domain)


def test_a_strategy_can_list_the_groups_that_it_is_not_to_choose() -> None:
    world = World({"group": "a"}, {"group": "a"}, {"group": "b"})
    strategy = Listing()
    failed = world["p0"].id

    strategy.select(world.pool, SelectionContext([failed], domain=SITE))

    assert strategy.lists == [sorted([failed, world["p1"].id])]


def test_what_a_site_has_left_of_each_of_many_filters_is_bounded() -> None:
    world = World(*({"tags": [f"t{number}"]} for number in range(600)))
    world.fail("p0", banned=True, domain=SITE)
    strategy = RoundRobinStrategy()

    for number in range(1, 600):
        wanted = Wanted(ProxyFilter(tags=frozenset({f"t{number}"})))
        assert set(world.labels(strategy, wanted, 1)) == {f"p{number}"}
    world.fail("p1", banned=True, domain=SITE)

    cooldowns = world.pool.cooldowns
    assert cooldowns
    assert len(cooldowns._domains[SITE]._left) <= 512


def test_droughts_of_a_site_end_each_with_a_proxy_that_fits() -> None:
    world = World({"country": "DE"}, {"country": "FR"})
    strategy = RoundRobinStrategy()
    for label in ("p0", "p1"):
        world.fail(label)
    french = Wanted(ProxyFilter(country="FR"))
    for wanted in (GERMAN, french):
        strategy.select(world.pool, SelectionContext(domain=SITE, wanted=wanted))
    world.clock.passes(1.0)
    world["p1"].start_request()
    world["p1"].complete_request(True, 10.0, domain=SITE, started=world.clock.now)

    cooldowns = world.pool.cooldowns
    assert cooldowns
    assert list(cooldowns._droughts.by_domain[SITE]) == [GERMAN]


def test_a_proxy_whose_country_was_changed_can_leave() -> None:
    world = World({"country": "DE"}, {"country": "FR"})
    strategy = RoundRobinStrategy()
    world.labels(strategy, GERMAN)

    world["p1"].country = "JP"
    world.pool.remove_proxy(world["p1"])

    assert set(world.labels(strategy, None)) == {"p0"}

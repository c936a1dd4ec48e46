"""What a request says of its proxy, in ``meta["proxywhirl"]``."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from scrapy_proxywhirl.core import ProxyFilter, Wanted
from scrapy_proxywhirl.core.countries import country_code
from scrapy_proxywhirl.note import domain_of

if TYPE_CHECKING:
    from scrapy import Request

    from scrapy_proxywhirl.budget import Budget
    from scrapy_proxywhirl.core import Proxy, ProxyPool, Strategy
    from scrapy_proxywhirl.strategies import Strategies

CHOICE = "proxywhirl"

_KEYS = ("country", "exclude", "max_cost", "proxy", "region", "session", "strategy", "tags")

# No proxy has this for its id.
_NOBODY = ""


class Demand(NamedTuple):
    """
    What a page is asked for with: pages of one demand wait in one line.

    Attributes:
        domain: Whose page it is.
        wanted: What its proxy has to be; None for any.
    """

    domain: str | None
    wanted: Wanted | None = None

    def is_met_by(self, proxy: Proxy, domain: str | None) -> bool:
        """Tell whether a page of *domain* that *proxy* has brought could have been this one."""
        return domain == self.domain and (self.wanted is None or self.wanted.fits(proxy))


class Choices:
    """
    Reads what requests say of their proxies.

    Args:
        pool: What they choose from.
        strategies: What selects.
        budget: What may be spent.
        has_sticky_cookiejars: Whether each of Scrapy's cookie jars is a session.
    """

    def __init__(
        self,
        pool: ProxyPool,
        strategies: Strategies,
        budget: Budget,
        has_sticky_cookiejars: bool,
    ) -> None:
        self._pool = pool
        self._budget = budget
        self._strategies = strategies
        self._has_sticky_cookiejars = has_sticky_cookiejars

    def strategy(self, request: Request) -> Strategy:
        """
        Return what selects for *request*.

        Raises:
            ValueError: It asks for one that there is not.
        """
        choice = request.meta.get(CHOICE)
        name = choice.get("strategy") if choice else None
        if name is None:
            return self._strategies.current
        try:
            return self._strategies.get(name)
        except ValueError as error:
            raise ValueError(f"meta['{CHOICE}']['strategy'] is {error}") from error

    def demand(self, request: Request) -> Demand:
        """
        Return what *request* is to be sent with.

        Raises:
            ValueError: It says what is not known, or not allowed.
        """
        choice = request.meta.get(CHOICE)
        affordable = self._budget.only
        if choice is None and affordable is None and not self._has_sticky_cookiejars:
            return Demand(domain_of(request))
        fields = {} if choice is None else _read(choice)
        session = fields.get("session")
        if session is None and self._has_sticky_cookiejars:
            jar = request.meta.get("cookiejar")
            session = None if jar is None else f"cookiejar {jar!r}"
        wanted = Wanted(
            only=_filter(fields, affordable),
            exclude=frozenset(map(self._id_of, fields.get("exclude", ()))) - {_NOBODY},
            proxy_id=self._id_of(fields["proxy"]) if "proxy" in fields else None,
            session=session,
        )
        return Demand(domain_of(request), None if wanted == _ANY else wanted)

    def _id_of(self, label: str) -> str:
        proxy = self._pool.find_proxy(label)
        return _NOBODY if proxy is None else proxy.id


_ANY = Wanted()


def _read(choice: Any) -> dict[str, Any]:
    if not isinstance(choice, dict):
        raise ValueError(
            f"meta['{CHOICE}'] is {choice!r}; it must be False, or a dict with any of"
            f" {', '.join(map(repr, _KEYS))}"
        )
    for key in choice:
        if key not in _KEYS:
            nearest = get_close_matches(str(key), _KEYS, n=1)
            hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
            raise ValueError(
                f"meta['{CHOICE}'] has the unknown key {key!r}; known are"
                f" {', '.join(map(repr, _KEYS))}{hint}"
            )
    fields = {key: value for key, value in choice.items() if value is not None}
    for key in fields.keys() & {"proxy", "region", "session"}:
        if not isinstance(fields[key], str) or not fields[key]:
            raise _not_allowed(key, fields[key], "a text that is not empty")
    for key in fields.keys() & {"exclude", "tags"}:
        if not _is_list_of_texts(fields[key]):
            raise _not_allowed(key, fields[key], "a list of texts")
    return fields


def _filter(fields: dict[str, Any], affordable: ProxyFilter | None) -> ProxyFilter | None:
    if not fields.keys() & {"country", "max_cost", "region", "tags"}:
        return affordable
    country = fields.get("country")
    if country is not None:
        try:
            country = country_code(country)
        except ValueError as error:
            raise ValueError(f"meta['{CHOICE}']: {error}") from error
    max_cost = fields.get("max_cost")
    if max_cost is not None and not _is_cost(max_cost):
        raise _not_allowed("max_cost", max_cost, "a finite number of at least 0")
    if affordable is not None:
        max_cost = affordable.max_cost
    return ProxyFilter(country, fields.get("region"), frozenset(fields.get("tags", ())), max_cost)


def _is_cost(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < inf


def _is_list_of_texts(value: Any) -> bool:
    if not isinstance(value, Collection) or isinstance(value, (str, bytes)):
        return False
    return all(isinstance(one, str) for one in value)


def _not_allowed(key: str, value: object, allowed: str) -> ValueError:
    return ValueError(f"meta['{CHOICE}'][{key!r}] is {value!r}; it must be {allowed}")

"""Who a proxy is, and what was said of it."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from math import inf

from scrapy_proxywhirl.core.countries import country_code
from scrapy_proxywhirl.core.network import network_of
from scrapy_proxywhirl.core.url import ProxyURL, normalise, parse_proxy_url

# The size of a page for which costs are compared, before it is fetched, in bytes.
PAGE_BYTES = 100_000

_GB = 1e9  # bytes, as vendors bill them

# What is said of a proxy, besides who it is and its label.
_DESCRIPTION = (
    "_group",
    "_weight",
    "cost_per_gb",
    "cost_per_request",
    "country",
    "ema_alpha",
    "expires",
    "region",
    "tags",
    "tier",
)


class ProxyIdentity:
    """
    Who a proxy is, and what was said of it: see :class:`Proxy`, which has what it has shown too.

    What is said of a proxy is not to be changed while it is in a pool.
    """

    __slots__ = (
        "_group",
        "_weight",
        "cost_per_gb",
        "cost_per_request",
        "country",
        "ema_alpha",
        "expires",
        "id",
        "label",
        "region",
        "tags",
        "tier",
        "url_with_credentials",
    )

    def __init__(
        self,
        url: str,
        *,
        username: str | None = None,
        password: str | None = None,
        label: str | None = None,
        country: str | None = None,
        region: str | None = None,
        tags: Iterable[str] = (),
        group: str | None = None,
        tier: int = 1,
        cost_per_request: float | None = None,
        cost_per_gb: float | None = None,
        ema_alpha: float | None = None,
        weight: float | None = None,
        expires: float | None = None,
    ) -> None:
        whole, hostport = normalise(url, username, password)
        if ema_alpha is not None and not 0.0 < ema_alpha <= 1.0:
            raise ValueError(f"ema_alpha is {ema_alpha!r}; it must be in (0, 1]")
        if weight is not None and not 1e-9 <= weight <= 1e9:
            raise ValueError(f"weight is {weight!r}; it must be a number in [1e-9, 1e9]")
        if tier < 1 or tier != int(tier):
            raise ValueError(f"tier is {tier!r}; it must be a whole number of at least 1")
        if expires is not None and not -inf < expires < inf:
            raise ValueError(f"expires is {expires!r}; it must be a finite number of seconds")
        # Of a hundred thousand proxies each object counts: the parts can be had of the whole.
        self.url_with_credentials = whole
        self.id = id_of(whole)
        self.label = label or hostport
        self.country = country_code(country) if country else None
        self.region = region or None
        self.tags = _words(tags)
        self._group = group or None
        self.tier = int(tier)
        self.cost_per_request = _cost("cost_per_request", cost_per_request)
        self.cost_per_gb = _cost("cost_per_gb", cost_per_gb)
        self.ema_alpha = ema_alpha
        self._weight = weight
        self.expires = expires
        self._begin()

    def _begin(self) -> None:
        """Begin with what a subclass keeps besides."""

    @property
    def url(self) -> str:
        """Without credentials."""
        url = self.url_with_credentials
        if "@" not in url:
            return url
        return f"{self.scheme}://{url.rpartition('@')[2]}"

    @property
    def scheme(self) -> str:
        """``http``, ``https``, ``socks4`` or ``socks5``."""
        return self.url_with_credentials.partition(":")[0]

    @property
    def has_credentials(self) -> bool:
        """Whether one has to be somebody there."""
        return "@" in self.url_with_credentials

    @property
    def username(self) -> str | None:
        """Who one is there; None without credentials."""
        return self._endpoint.username

    @property
    def password(self) -> str | None:
        """Secret; None without credentials."""
        return self._endpoint.password

    @property
    def group(self) -> str | None:
        """What it fails together with: as given, or the network of its address, if it has one."""
        if self._group:
            return self._group
        hostport = self.url.partition("://")[2]  # to parse the whole takes long
        return network_of(hostport.rpartition(":")[0].strip("[]"))

    @property
    def weight(self) -> float | None:
        """What it was given to weigh; None where it was not."""
        return self._weight

    @property
    def _endpoint(self) -> ProxyURL:
        return parse_proxy_url(self.url_with_credentials)

    @property
    def price(self) -> tuple[float, float]:
        """What it costs for each request that is answered, and for each GB."""
        return self.cost_per_request, self.cost_per_gb

    def is_described_like(self, other: ProxyIdentity) -> bool:
        """Tell whether the same is said of *other*, which is in no pool; its label as given."""
        if self.label != other.label and self.label.rpartition("~")[0] != other.label:
            return False
        return all(getattr(self, name) == getattr(other, name) for name in _DESCRIPTION)

    def describe_like(self, other: ProxyIdentity) -> None:
        """Let the same be said of this, which is in no pool now."""
        for name in ("label", *_DESCRIPTION):
            setattr(self, name, getattr(other, name))

    def cost(self, answers: float = 1.0, size: float = PAGE_BYTES) -> float:
        """
        Return what it costs.

        Args:
            answers: Requests that are answered.
            size: Bytes in all, up and down.
        """
        return self.cost_per_request * answers + self.cost_per_gb * size / _GB


def id_of(url_with_credentials: str) -> str:
    """Return the id of the proxy that has this for its :attr:`~Proxy.url_with_credentials`."""
    return sha256(url_with_credentials.encode("utf-8", "replace")).hexdigest()[:16]


def _words(tags: Iterable[str]) -> tuple[str, ...]:
    if tags == ():  # as most have, and what follows takes long for a large list
        return ()
    if isinstance(tags, Iterable) and not isinstance(tags, str):
        words = tuple(tags)
        if all(isinstance(word, str) for word in words):
            return words
    raise ValueError(f"tags is {tags!r}; it must be a list of words")


def _cost(name: str, value: float | None) -> float:
    if value is None:
        return 0.0
    if not 0.0 < value < inf:
        raise ValueError(
            f"{name} is {value!r}; it must be a finite number above 0, or left out where it costs"
            " nothing"
        )
    return float(value)

"""How a proxy of the playground is to behave."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from enum import Enum
from math import inf
from typing import Any

_SCHEMES = ("http", "https", "socks5")


class Fault(Enum):
    """What is wrong with a proxy."""

    NONE = "none"  #: nothing
    REFUSE = "refuse"  #: it refuses connections
    RESET = "reset"  #: it takes a request and resets the connection
    HANG = "hang"  #: it takes a request and never answers
    CUT = "cut"  #: it closes the connection half-way through the body
    RESET_BODY = "reset-body"  #: it resets the connection after the headers
    GARBLE = "garble"  #: it says of what it passes on that it is compressed, which it is not
    STATUS = "status"  #: it answers at once, with a status and a page of its own; SOCKS: it refuses


@dataclass(frozen=True, slots=True)
class ProxySpec:
    """
    How a proxy of the playground is to behave.

    Attributes:
        latency: Seconds that it takes before it passes a request on.
        body_seconds: Seconds between the headers of a response and its body.
        capacity: How many requests it works on at a time, the others waiting; 0 for any number.
        fault: What is wrong with it.
        status: What it answers with :attr:`Fault.STATUS`.
        body: What that page says; compressed, as a site's pages are.
        credentials: Passwords by username. Where there are some, requests that show none of them
            are answered with 407.
        takes_anonymous: Whether, besides, requests without any credentials are served.
        byte_seconds: Seconds before each byte of the body; 0 for all at once.
        scheme: ``http``, ``https`` for the same by TLS, or ``socks5``.
        fault_share: Which share of its requests the fault befalls, in (0, 1], each by chance as
            through a gateway with many exits; 1 for :attr:`Fault.REFUSE`.
        most_a_second: Of how many requests within a second one more gets it banned, as a site does:
            from then on it answers with :attr:`status`; 0 for any number.
        ban_seconds: For how long.
        tells_when: Whether that is said, rounded up to seconds, by a Retry-After in the answer.

    What is said of statuses, headers and bodies is for http:// pages by an HTTP proxy; nobody but
    the two ends sees what is in a tunnel.
    """

    latency: float = 0.0
    body_seconds: float = 0.0
    capacity: int = 0
    fault: Fault = Fault.NONE
    status: int = 403
    body: str = "<title>go away</title>"
    credentials: dict[str, str] = field(default_factory=dict)
    takes_anonymous: bool = False
    byte_seconds: float = 0.0
    scheme: str = "http"
    fault_share: float = 1.0
    most_a_second: int = 0
    ban_seconds: float = 3.0
    tells_when: bool = False

    def __post_init__(self) -> None:
        for name in ("latency", "body_seconds", "byte_seconds", "ban_seconds"):
            value = getattr(self, name)
            if not 0.0 <= value < inf:
                raise ValueError(f"{name} is {value!r}; it must be in seconds, of at least 0")

        for name in ("capacity", "most_a_second"):
            number = getattr(self, name)
            if number < 0:
                raise ValueError(f"{name} is {number!r}; it must be at least 0")

        if not 0.0 < self.fault_share <= 1.0:
            raise ValueError(f"fault_share is {self.fault_share!r}; it must be in (0, 1]")

        if self.fault is Fault.REFUSE and self.fault_share < 1.0:
            raise ValueError("fault_share is below 1; what refuses connections refuses all")

        if self.scheme not in _SCHEMES:
            raise ValueError(f"scheme is {self.scheme!r}; it must be one of {', '.join(_SCHEMES)}")

    def to_json(self) -> dict[str, Any]:
        """Return this as JSON can hold it."""
        return {**asdict(self), "fault": self.fault.value}

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> ProxySpec:
        """Return what :meth:`to_json` was made of."""
        return cls(**{**values, "fault": Fault(values["fault"])})

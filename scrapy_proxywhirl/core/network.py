"""Which network an address is in."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_network

_PREFIX_OF_IPV6 = 48


def network_of(host: str) -> str | None:
    """
    Return the network that a proxy's address is in: who owns it, and who bans it, mostly has all.

    Args:
        host: As in a URL, without brackets.

    Returns:
        Its /24, or the /48 of an IPv6 address; None for a name, which tells nothing.
    """
    if ":" in host:
        address = IPv6Address(host.partition("%")[0])
        if address.ipv4_mapped is None:
            return str(ip_network((address, _PREFIX_OF_IPV6), strict=False))
        host = str(address.ipv4_mapped)
    network, _, last = host.rpartition(".")
    return f"{network}.0/24" if last.isdecimal() else None  # no name of a proxy ends in a number

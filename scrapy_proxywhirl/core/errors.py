"""What can go wrong, as a tree."""

from __future__ import annotations


class ProxyWhirlError(Exception):
    """Base of the errors that are this package's own."""


class InvalidProxyError(ProxyWhirlError, ValueError):
    """A text, or what else was given for a proxy, does not describe one. Shows no password."""


class DuplicateProxyError(ProxyWhirlError, ValueError):
    """The pool has this proxy already: same scheme, host, port, username and password."""


class ProxyPoolEmptyError(ProxyWhirlError):
    """No proxy can be selected: the pool is empty, or none of its proxies may be used."""


class NoMatchingProxyError(ProxyPoolEmptyError):
    """No proxy of the pool is what the request wants, be it free or not."""

"""Where what was learned is kept, and shared."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from scrapy_proxywhirl.state.store import Store

_SQLITE = "sqlite:///"


def store_for(url: str) -> Store:
    """
    Return the store that a URL stands for; it is opened when it is first used.

    Args:
        url: ``sqlite:///path``, with four slashes for an absolute path, or ``redis://host`` as
            :class:`~scrapy_proxywhirl.state.redis.RedisStore` reads it.

    Raises:
        ValueError: It stands for none.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        if not url.startswith(_SQLITE) or url == _SQLITE:
            raise ValueError("the URL names no file; write 'sqlite:///path'")
        from scrapy_proxywhirl.state.sqlite import SqliteStore

        return SqliteStore(Path(url.removeprefix(_SQLITE)))
    if scheme in ("redis", "rediss"):
        try:
            from scrapy_proxywhirl.state.redis import RedisStore
        except ImportError as error:
            raise ValueError(
                f"the package redis is missing ({error}); install scrapy-proxywhirl[redis]"
            ) from None
        return RedisStore(url)
    raise ValueError(f"{scheme!r} is no store; write 'sqlite:///path' or 'redis://host'")

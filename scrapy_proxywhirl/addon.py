"""All that a project needs, by one line of its settings."""

from __future__ import annotations

import logging
from importlib.util import find_spec
from typing import TYPE_CHECKING

from scrapy.utils.misc import load_object
from scrapy.utils.python import global_object_name

from scrapy_proxywhirl.middleware import ProxyWhirlMiddleware

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings

logger = logging.getLogger(__name__)

# After cookies and redirects, before HttpProxyMiddleware (750), which sends credentials.
MIDDLEWARE_ORDER = 745

# Its providers ask nobody for anything: any order does.
_PROVIDER_ORDER = 745


class Addon:
    """
    Sets a project up: the middleware, and what scrapy-poet provides, where that is installed.

    Enable it in the settings, with the proxies beside it::

        ADDONS = {"scrapy_proxywhirl.Addon": 500}
        PROXYWHIRL_PROXIES = ["http://user:password@proxy.example:8000", ...]

    What the user has said of a component stays as it is, whatever the priority of the setting:
    another order, a subclass in its place, or None for not at all.
    """

    def update_settings(self, settings: BaseSettings) -> None:
        """Add to *settings* what nobody has said anything of."""
        _add(settings, "DOWNLOADER_MIDDLEWARES", ProxyWhirlMiddleware, MIDDLEWARE_ORDER)
        if find_spec("scrapy_poet"):
            from scrapy_proxywhirl.poet import PROVIDERS

            for provider in PROVIDERS:
                _add(settings, "SCRAPY_POET_PROVIDERS", provider, _PROVIDER_ORDER)


def _add(settings: BaseSettings, name: str, component: type, order: int) -> None:
    for path, users_order in settings.getdict(name).items():
        users = load_object(path)
        if isinstance(users, type) and issubclass(users, component):
            logger.debug("%s has %s at %s already", name, global_object_name(users), users_order)
            return
    settings.setdefault_in_component_priority_dict(name, component, order)
    logger.debug("Added %s to %s at %d", global_object_name(component), name, order)

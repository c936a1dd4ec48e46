"""Which downloader middlewares a crawl has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from scrapy.utils.conf import build_component_list
from scrapy.utils.misc import load_object

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings


def enabled_middlewares(settings: BaseSettings) -> list[Any]:
    """Return the downloader middlewares that are enabled, classes as a rule, in their order."""
    # Scrapy 2.14 has the second only, which takes a class and its import path for two components.
    read = getattr(settings, "get_component_priority_dict_with_base", settings.getwithbase)
    return [load_object(one) for one in build_component_list(read("DOWNLOADER_MIDDLEWARES"))]

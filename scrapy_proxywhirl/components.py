"""Which downloader middlewares a crawl has."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scrapy.utils.conf import build_component_list
from scrapy.utils.misc import load_object

if TYPE_CHECKING:
    from scrapy.settings import BaseSettings


def enabled_middlewares(settings: BaseSettings) -> list[type]:
    """Return the classes of the downloader middlewares that are enabled, in their order."""
    # Scrapy 2.14 has the second only, which takes a class and its import path for two components.
    read = getattr(settings, "get_component_priority_dict_with_base", settings.getwithbase)
    enabled = map(load_object, build_component_list(read("DOWNLOADER_MIDDLEWARES")))
    return [one for one in enabled if isinstance(one, type)]

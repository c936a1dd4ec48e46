"""Zyte API, to which scrapy-zyte-api sends requests: it has proxies of its own."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Collection

    from scrapy import Request
    from scrapy.settings import BaseSettings

logger = logging.getLogger(__name__)

PACKAGE = "scrapy_zyte_api."

_AUTOMAP = "zyte_api_automap"

# What a request has in its meta that is not to go there, whatever is sent there.
WITHOUT_IT = {_AUTOMAP: False}


class ZyteAPI:
    """
    Tells which requests are for Zyte API.

    Args:
        settings: Of the crawl.
        schemes: Of the pages that scrapy-zyte-api has the download handler for.
    """

    def __init__(self, settings: BaseSettings, schemes: Collection[str]) -> None:
        self._schemes = schemes
        self._has_all = settings.getbool("ZYTE_API_TRANSPARENT_MODE")
        if schemes and self._has_all:
            logger.info(
                "ZYTE_API_TRANSPARENT_MODE has everything sent to Zyte API; only requests with"
                " meta['zyte_api_automap'] = False go through proxies"
            )

    def takes(self, request: Request) -> bool:
        """Tell whether scrapy-zyte-api sends *request* there."""
        if not self._schemes or request.url.partition(":")[0] not in self._schemes:
            return False
        parameters = request.meta.get("zyte_api")
        if parameters or parameters == {}:
            return True
        return request.meta.get(_AUTOMAP, self._has_all) is not False


def fallback(settings: BaseSettings, scheme: str) -> Any:
    """Return the download handler that scrapy-zyte-api leaves the other pages of *scheme* to."""
    own = settings[f"ZYTE_API_FALLBACK_{scheme.upper()}_HANDLER"]
    return own or settings["DOWNLOAD_HANDLERS_BASE"][scheme]

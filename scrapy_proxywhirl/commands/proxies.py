"""The ``proxies`` command: hands over to what is asked for.

Scrapy loads this module for every command of its own, so that it imports nothing which may be
missing or slow.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

if TYPE_CHECKING:
    import argparse


class Command(ScrapyCommand):
    """``scrapy proxies demo``"""

    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_LEVEL": "WARNING"}

    def syntax(self) -> str:
        """Return how it is called."""
        return "demo [options]"

    def short_desc(self) -> str:
        """Return what it does, in a line."""
        return "See how scrapy-proxywhirl learns which proxies are fast"

    def long_desc(self) -> str:
        """Return what it does."""
        return (
            "demo: crawl a site through ten proxies of 40 to 400 ms, all of them on this machine,"
            " first in turn and then by performance, and compare."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        super().add_options(parser)
        parser.add_argument(
            "--pages", type=int, default=900, help="pages of each crawl (default: %(default)s)"
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do it."""
        if args != ["demo"]:
            raise UsageError("what to do? There is: demo", print_help=True)
        if opts.pages < 1:
            raise UsageError(f"--pages is {opts.pages}; it must be at least 1")
        try:
            from scrapy_proxywhirl.commands.demo import run_demo
        except ImportError as error:
            if error.name is None or error.name.partition(".")[0] != "rich":
                raise
            raise UsageError(
                "the demo needs the package rich: pip install 'scrapy-proxywhirl[cli]'",
                print_help=False,
            ) from error
        assert self.settings is not None
        run_demo(self.settings, opts.pages)

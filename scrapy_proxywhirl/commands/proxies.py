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
    """``scrapy proxies demo`` and ``scrapy proxies list``"""

    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_LEVEL": "WARNING"}

    def syntax(self) -> str:
        """Return how it is called."""
        return "demo|list [options]"

    def short_desc(self) -> str:
        """Return what it does, in a line."""
        return "List the proxies of a project, or see how scrapy-proxywhirl learns which are fast"

    def long_desc(self) -> str:
        """Return what it does."""
        return (
            "demo: crawl a site through ten proxies of 40 to 400 ms, all of them on this machine,"
            " first in turn and then by performance, and compare.\n"
            "list: print the pool that the settings of the project give, with where each proxy came"
            " from; without credentials."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        """Add the options."""
        super().add_options(parser)
        parser.add_argument(
            "--pages",
            type=int,
            default=900,
            help="demo: pages of each crawl (default: %(default)s)",
        )

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do it."""
        if args == ["demo"]:
            self._demo(opts.pages)
        elif args == ["list"]:
            self._list()
        else:
            raise UsageError("what to do? There are: demo, list", print_help=True)

    def _demo(self, pages: int) -> None:
        if pages < 1:
            raise UsageError(f"--pages is {pages}; it must be at least 1")
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
        run_demo(self.settings, pages)

    def _list(self) -> None:
        from scrapy_proxywhirl.commands.listing import run_list

        assert self.settings is not None
        if not run_list(self.settings):
            self.exitcode = 1

"""The ``proxies`` command: hands over to what is asked for.

Scrapy loads this module for every command of its own, so that it imports nothing which may be
missing or slow.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from math import inf
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

# Tells who asks, and with which headers.
_URL = "http://httpbin.org/anything"

_FORMATS = ("table", "json", "csv")


class Command(ScrapyCommand):
    """``scrapy proxies check``, ``scrapy proxies list`` and ``scrapy proxies demo``"""

    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_LEVEL": "WARNING"}

    def syntax(self) -> str:
        """Return how it is called."""
        return "check [SOURCE ...] | list | demo  [options]"

    def short_desc(self) -> str:
        """Return what it does, in a line."""
        return "Check or list a project's proxies, or see how it is learned which are fast"

    def long_desc(self) -> str:
        """Return what it does."""
        return (
            "check: try each proxy of the project, or of files, URLs and import paths as"
            " PROXYWHIRL_SOURCES may have them, for real, and tell what came of it. The exit status"
            " is 1 where none works.\n"
            "list: print the pool that the settings of the project give, with where each proxy came"
            " from; without credentials.\n"
            "demo: crawl a site through ten proxies of 40 to 400 ms, all of them on this machine,"
            " first in turn and then by performance, and compare."
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
        add = parser.add_argument_group("check").add_argument
        add("--url", default=_URL, help="what to ask for (default: %(default)s)")
        add("--https-url", help="the same by HTTPS (default: --url so; empty for nothing)")
        add("--rounds", type=int, default=3, help="how often (default: %(default)s)")
        add("--timeout", type=float, default=10.0, help="seconds for each (default: %(default)s)")
        add("--concurrency", type=int, default=500, help="at a time (default: %(default)s)")
        add("--format", default="table", help="table, json or csv (default: %(default)s)")
        add("--output", help="a file for those that work, as PROXYWHIRL_SOURCES reads it")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        """Do it."""
        if args[:1] == ["check"]:
            self._check(args[1:], opts)
        elif args == ["list"]:
            self._list()
        elif args == ["demo"]:
            self._demo(opts.pages)
        else:
            raise UsageError("what to do? There are: check, list, demo", print_help=True)

    def _demo(self, pages: int) -> None:
        if pages < 1:
            raise UsageError(f"--pages is {pages}; it must be at least 1")
        with _needs_rich("the demo"):
            from scrapy_proxywhirl.commands.demo import run_demo
        assert self.settings is not None
        run_demo(self.settings, pages)

    def _check(self, sources: list[str], opts: argparse.Namespace) -> None:
        for name in ("rounds", "timeout", "concurrency"):
            if not 0 < getattr(opts, name) < inf:
                raise UsageError(f"--{name} is {getattr(opts, name)}; it must be above 0")
        if opts.format not in _FORMATS:
            raise UsageError(f"--format is {opts.format!r}; it must be table, json or csv")
        https_url = opts.https_url
        if https_url is None:
            https_url = opts.url.replace("http://", "https://", 1)
        for url, scheme in ((opts.url, "http://"), (https_url or "https://", "https://")):
            if not url.startswith(scheme):
                raise UsageError(f"{url!r} must begin with {scheme}")
        with _needs_rich("the check"):
            from scrapy_proxywhirl.commands.report import progress, write_good, write_report
        from scrapy_proxywhirl.commands.check import Trial, run_check

        assert self.settings is not None
        trial = Trial(opts.url, https_url, opts.rounds, opts.timeout, opts.concurrency)
        with progress() as (found, tried):
            checks = run_check(self.settings, sources, trial, found, tried)
        done = [check for check in checks if check.is_done]
        write_report(done, opts.format, sys.stdout)
        if len(done) < len(checks):
            print(f"{len(checks) - len(done)} of {len(checks)} were not tried", file=sys.stderr)
        if opts.output:
            try:
                good = write_good(done, opts.output)
            except OSError as error:
                raise UsageError(f"--output: {error}", print_help=False) from None
            print(f"{good} written to {opts.output}, with their credentials", file=sys.stderr)
        if not any(check.works for check in done):
            self.exitcode = 1

    def _list(self) -> None:
        from scrapy_proxywhirl.commands.listing import run_list

        assert self.settings is not None
        if not run_list(self.settings):
            self.exitcode = 1


@contextmanager
def _needs_rich(what: str) -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "rich":
            raise
        raise UsageError(
            f"{what} needs the package rich: pip install 'scrapy-proxywhirl[cli]'",
            print_help=False,
        ) from error

"""Who may know whom."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import scrapy_proxywhirl

PACKAGE = Path(scrapy_proxywhirl.__file__).parent
CORE = sorted((PACKAGE / "core").rglob("*.py"))
MODULES = sorted(PACKAGE.rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield node.module or ""


@pytest.mark.parametrize("path", CORE, ids=lambda path: path.stem)
def test_the_core_knows_nothing_but_itself_and_the_standard_library(path: Path) -> None:
    for name in imports(path):
        root = name.partition(".")[0]
        if root == "scrapy_proxywhirl":
            assert name.startswith("scrapy_proxywhirl.core")
        else:
            assert root in sys.stdlib_module_names
            assert root not in {"asyncio", "time", "datetime", "logging"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_what_is_public_has_a_docstring(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if path.name != "_version.py":
        assert ast.get_docstring(tree)
    for node in tree.body:
        members = node.body if isinstance(node, ast.ClassDef) else []
        for one in (node, *members):
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                is_setter = any(ast.unparse(by).endswith(".setter") for by in one.decorator_list)
                assert one.name.startswith("_") or is_setter or ast.get_docstring(one), one.name


@pytest.mark.parametrize(
    ("modules", "unwanted"),
    [
        ("scrapy_proxywhirl.middleware", "twisted.internet.reactor"),
        ("scrapy_proxywhirl.middleware", "scrapy_proxywhirl.playground"),
        ("scrapy_proxywhirl.middleware", "redis"),
        ("scrapy_proxywhirl.addon", "scrapy_poet"),
        ("scrapy_proxywhirl.commands.proxies", "twisted.internet.reactor"),
        ("scrapy_proxywhirl.commands.proxies", "rich"),
        ("scrapy_proxywhirl, scrapy_proxywhirl.playground.server", "scrapy"),
        ("scrapy_proxywhirl, scrapy_proxywhirl.playground.server", "twisted"),
    ],
)
def test_importing_it_brings_nothing_that_it_does_not_need(modules: str, unwanted: str) -> None:
    code = f"import sys, {modules}; print({unwanted!r} in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


def test_all_that_is_public_is_there_when_it_is_asked_for() -> None:
    for name in scrapy_proxywhirl.__all__:
        assert getattr(scrapy_proxywhirl, name)
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        getattr(scrapy_proxywhirl, "nothing")  # noqa: B009 (mypy knows that it is not there)

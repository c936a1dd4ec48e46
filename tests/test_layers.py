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


@pytest.mark.parametrize("module", ["scrapy_proxywhirl", "scrapy_proxywhirl.commands.proxies"])
def test_importing_it_brings_no_reactor_and_nothing_optional(module: str) -> None:
    code = (
        f"import sys, {module};"
        "print([name for name in sys.modules if name in"
        " ('twisted.internet.reactor', 'rich', 'scrapy_proxywhirl.playground')])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"

"""What docs/security.md says stands in the way is tried by a test that exists."""

from __future__ import annotations

import ast
import re

import pytest

from dashboard.settings import Settings
from tests.conftest import ROOT
from tests.routes.test_guard import asked

PAGE = (ROOT / "docs/security.md").read_text()
NAMED = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
TRIED = [
    line
    for part in re.split(r"\n(?=## )", PAGE)
    if "| what is tried |" in part
    for line in part.splitlines()
    if line.startswith("|") and not line.startswith(("|---", "| what is tried"))
]


@pytest.mark.parametrize("row", TRIED, ids=lambda row: row.strip("| ")[:50])
def test_every_row_names_tests_that_exist(row: str) -> None:
    found = NAMED.findall(row)
    assert found, "the row names no test"
    for path, name in found:
        functions = {node.name for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.FunctionDef)}
        assert name in functions, f"{path} has no {name}"


def test_the_policy_that_is_written_is_the_one_that_is_sent() -> None:
    (written,) = re.findall(r"\n    (default-src .*\n    .*)\n", PAGE)
    sent = re.sub("'nonce-[^']+'", "'nonce-…'", asked("/nothing").headers["Content-Security-Policy"])
    assert " ".join(written.split()) == sent
    assert Settings.from_environment({}).frame_ancestors == "'self'"

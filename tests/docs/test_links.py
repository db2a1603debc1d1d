"""What the documentation names is there: files, anchors, commands and their options, settings, make targets, benchmarks.

Links between the pages of docs/ are followed over HTTP by tests/routes/test_docs.py.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag

import pytest
from markdown_it import MarkdownIt

from dashboard.__main__ import parser
from dashboard.routes.docs import rendered
from dashboard.variables import VARIABLES
from tests.conftest import ROOT

PAGES = (ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md")))
KNOWN = {name for variable in VARIABLES for name in variable.names}
TEXT = {path.name: path.read_text() for path in PAGES}


def anchors(path: Path) -> set[str]:
    return set(re.findall(r' id="([^"]+)"', rendered(path.read_text())[1]))


def code(text: str) -> Iterator[str]:
    """Lines of blocks of code, and what stands between backticks."""
    for token in MarkdownIt("commonmark").enable("table").parse(text):
        if token.type in {"fence", "code_block"}:
            yield from token.content.splitlines()
        yield from (child.content for child in token.children or () if child.type == "code_inline")


def groups(of: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Sub-commands by name."""
    return {name: found for act in of._actions if isinstance(act, argparse._SubParsersAction) for name, found in act.choices.items()}


@pytest.mark.parametrize("page", PAGES[:2], ids=lambda path: path.name)
def test_links_of_the_root_lead_to_files_and_their_headings(page: Path) -> None:
    links = [link for link in re.findall(r"\]\(([^)\s]+)\)", page.read_text()) if not link.startswith("https://")]
    assert links or page.name == "CHANGELOG.md"
    for link in links:
        path, anchor = urldefrag(link)
        assert (ROOT / path).exists(), link
        assert not anchor or anchor in anchors(ROOT / path), link


@pytest.mark.parametrize("page", TEXT)
def test_commands_and_their_options_exist(page: str) -> None:
    commands = groups(parser())
    for line in code(TEXT[page]):
        for words in re.findall(r"integral-dashboard ([a-z][^|#]*)", line):
            first, *rest = words.partition(" -- ")[0].split()
            assert first in commands, line
            command = commands[first]
            if rest and (acts := groups(command)) and re.fullmatch("[a-z-]+", rest[0]):
                assert rest[0] in acts, line
                command = acts[rest[0]]
            if first == "observatory":  # which has a command line of its own
                continue
            known = {option for action in command._actions for option in action.option_strings}
            for option in re.findall(r"(?<!\S)--?[A-Za-z][\w-]*", " ".join(rest)):
                assert option in known, f"{line}: {option}"


@pytest.mark.parametrize("page", TEXT)
def test_commands_told_in_short_exist(page: str) -> None:
    commands = groups(parser())
    for line in code(TEXT[page]):
        first, _, rest = line.partition(" ")
        if re.match("[a-z]", rest) and line != "gallery contributor" and (acts := groups(commands[first]) if first in commands else {}):
            assert rest.split()[0] in acts, line


@pytest.mark.parametrize("page", TEXT)
def test_settings_targets_and_benchmarks_exist(page: str) -> None:
    makefile = (ROOT / "Makefile").read_text()
    for name in re.findall(r"INTEGRAL_DASHBOARD_\w+\b(?! is no setting)", TEXT[page]):
        assert name in KNOWN, name
    for line in code(TEXT[page]):
        for target in re.findall(r"^\s*make ([a-z-]+)", line):
            assert re.search(rf"^{target}:", makefile, re.M), target
        for module in re.findall(r"python -m ((?:benchmarks|docs)\.\w+)", line):
            assert (ROOT / f"{module.replace('.', '/')}.py").is_file(), module

"""What stands at the root for readers and machines: how to cite, what changed, where to read on."""

from __future__ import annotations

import re
from typing import Any

import pytest
import yaml

from dashboard import __version__
from dashboard.export.citations import citations
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def citation() -> dict[str, Any]:
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert isinstance(found, dict)
    return found


def test_the_citation_has_what_its_format_requires_and_the_version_of_the_program(citation: dict[str, Any]) -> None:
    """Citation File Format 1.2.0: cff-version, message, title, authors; an entity has a name, a person family names."""
    assert citation["cff-version"] == "1.2.0"
    assert all(citation[key] for key in ("message", "title"))
    assert citation["type"] == "software"
    assert all("name" in author or "family-names" in author for author in citation["authors"])
    assert citation["version"] == __version__
    project = (ROOT / "pyproject.toml").read_text()
    for key, value in {"version": __version__, "license": citation["license"]}.items():
        assert f'{key} = "{value}"' in project
    for reference in citation["references"]:
        assert {"type", "title", "authors"} <= reference.keys()


def test_it_names_what_every_report_cites(citation: dict[str, Any]) -> None:
    told = {
        f"{one['authors'][0]['family-names']} et al. {one['year']}, A&A {one['volume']}, {one['start']}" for one in citation["references"]
    }
    assert told == set(citations(()).values())


def test_the_changelog_keeps_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## \[(.+?)\](.*)$", text, re.M)
    assert versions[0] == ("Unreleased", "")
    for version, rest in versions[1:]:
        assert re.fullmatch(r"\d+\.\d+\.\d+", version)
        assert re.fullmatch(r" - \d{4}-\d\d-\d\d", rest), version
    kinds = re.findall(r"^### (\w+)$", text, re.M)
    assert set(kinds) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_the_readme_leads_to_every_page_and_file() -> None:
    for page in (path.relative_to(ROOT) for path in (*(ROOT / "docs").glob("*.md"), ROOT / "CHANGELOG.md", ROOT / "CITATION.cff")):
        assert f"]({page})" in README, page

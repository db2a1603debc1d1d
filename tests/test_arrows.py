"""The arrows of the design: imports go one way along the road."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LEAVES = {"certificates", "errors", "hosts", "identity", "logs", "packing", "settings", "variables"}
ALLOWED: dict[str, set[str]] = {
    **{leaf: set() for leaf in LEAVES},
    "request": set(),
    "archive": {"request", "products"},
    "products": set(),
    "plan": {"request", "archive", "products"},
    "combine": {"products"},
    "analysis": {"products", "combine"},
    "dispatcher": {"products", "plan"},
    "runs": {"request", "archive", "plan", "dispatcher", "products", "combine", "analysis", "notices"},
    "export": {"products", "analysis"},
    "notices": {"dispatcher"},
    "gallery": {"request", "plan", "dispatcher", "products", "analysis", "runs", "export"},
    "observatory": set(),
    "routes": {"runs", "export", "products", "bundle", "report"},
}
PAGE_LIBRARIES = {"panel", "bokeh", "holoviews"}
HTTP_LIBRARIES = {"httpx", "requests", "urllib3", "astroquery", "pyvo", "aiohttp"}


def imports(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: imports are absolute"
            yield str(node.module), node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def sources(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def room(path: Path) -> str:
    """The room a file of dashboard/ stands in; files at its top are rooms of their own."""
    return path.relative_to(ROOT / "dashboard").with_suffix("").parts[0]


@pytest.mark.parametrize("path", sources("dashboard"), ids=lambda p: str(p.relative_to(ROOT)))
def test_arrows_go_one_way(path: Path) -> None:
    here = room(path)
    if here not in ALLOWED:
        assert here in {"__init__", "__main__", "app", "commands"} or path.parent == ROOT / "dashboard", f"{here} is no room of the design"
        return
    reachable = ALLOWED[here] | LEAVES | {here}
    for name, line in imports(path):
        parts = name.split(".")
        assert parts[0] not in {"components", "integral_dashboard"}, f"{path}:{line} imports a view"
        inside = ROOT / "dashboard" / (parts[1] if len(parts) > 1 else "__init__")
        if parts[0] == "dashboard" and (inside.is_dir() or inside.with_suffix(".py").exists()) and len(parts) > 1:
            assert parts[1] in reachable, f"{path}:{line}: an arrow points back, {here} -> {parts[1]}"


def test_libraries_stay_in_their_rooms() -> None:
    for path in sources("dashboard", "components", "integral_dashboard"):
        top = path.relative_to(ROOT).parts[0]
        here = room(path) if top == "dashboard" else top
        for name, line in imports(path):
            library = name.split(".")[0]
            if library in PAGE_LIBRARIES:
                assert here in {"components", "app"}, f"{path}:{line}: {library} belongs to the page"
            if library == "oda_api":
                assert here == "dispatcher", f"{path}:{line}: oda_api belongs to dispatcher/"
            if library in HTTP_LIBRARIES:
                assert here in {"archive", "dispatcher", "notices"}, f"{path}:{line}: HTTP belongs to archive/, dispatcher/ and notices/"
            if name.startswith("dashboard.observatory"):
                assert here == "observatory", f"{path}:{line}: the observatory is reached over HTTP"
            if top == "components":
                assert not name.startswith(("dashboard.dispatcher", "dashboard.archive.timesystem")), f"{path}:{line}: views do no network"


def test_files_are_small_and_named_by_a_noun() -> None:
    for path in sources("dashboard", "components", "integral_dashboard", "tests", "benchmarks"):
        assert len(path.read_text().splitlines()) <= 400, f"{path} is longer than 400 lines"
        assert path.stem not in {"utils", "util", "helpers", "helper", "common", "misc", "manager", "base"}, path


def test_the_road_loads_no_page_and_no_oda_api() -> None:
    road = ("request.request", "plan.plan", "combine.mosaic_sum", "dispatcher.obtain", "runs.store")
    code = (
        f"import sys, {', '.join('dashboard.' + name for name in road)};"
        "bad = {'panel', 'bokeh', 'holoviews', 'oda_api', 'dbos'} & {name.split('.')[0] for name in sys.modules};"
        "sys.exit(f'loaded too early: {sorted(bad)}' if bad else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)

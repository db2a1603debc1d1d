"""Nothing that comes from outside is run: no line of ours unpickles, evaluates or imports what it is given."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.conftest import ROOT

SOURCES = sorted(path for room in ("dashboard", "components", "integral_dashboard") for path in (ROOT / room).rglob("*.py"))
MODULES = {"pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "yaml", "code", "pty"}
CALLS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "np.load", "numpy.load"}
METHODS = {"read_pickle", "loads_pickle", "Unpickler", "get_product", "from_dispatcher"}
"""The last two are oda-api's, which unpickle what a server sends; of it `DispatcherAPI` alone is taken: parameters and state of a job."""
WRITER = ROOT / "dashboard/observatory/mosaic_product.py"
"""The simulated observatory writes pickles, as dispatchers do."""


@cache
def nodes(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(ast.parse(path.read_text())))


def calls(path: Path) -> Iterator[tuple[str, ast.Call]]:
    """Every call with the name of what is called, as far as it has one: "np.load", "load" for one of a value."""
    for node in nodes(path):
        if isinstance(node, ast.Call):
            match node.func:
                case ast.Name(name):
                    yield name, node
                case ast.Attribute(ast.Name(owner), name):
                    yield f"{owner}.{name}", node
                case ast.Attribute(_, name):
                    yield name, node


def imported(path: Path) -> Iterator[str]:
    for node in nodes(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_line_runs_what_it_is_given() -> None:
    assert len(SOURCES) > 200
    for path in SOURCES:
        assert not MODULES & {name.split(".")[0] for name in imported(path)} or path == WRITER, path
        for name, call in calls(path):
            given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
            assert name not in CALLS, f"{path}:{call.lineno}"
            assert name.rpartition(".")[2] not in METHODS, f"{path}:{call.lineno}"
            assert {given.get("shell", "False"), given.get("allow_pickle", "False")} == {"False"}, f"{path}:{call.lineno}"


def test_the_writer_of_pickles_reads_none() -> None:
    assert {name for name, _ in calls(WRITER) if name.startswith("pickle.")} == {"pickle.dumps"}


def test_of_oda_api_nothing_is_imported_that_decodes() -> None:
    found = {name for path in SOURCES for name in imported(path) if name.startswith("oda_api")}
    assert found == {"oda_api.api"}

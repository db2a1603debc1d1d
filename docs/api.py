"""docs/api.md: the names that the Python road needs, from their docstrings.

python -m docs.api        # writes it; tests/docs/test_api.py says when it has to be
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

PAGE: Final = Path(__file__).parent / "api.md"
HEAD: Final = """# The Python road

Page, command line and notebook walk the same road; these are its names for scripts and notebooks. All of this page but the example is made
from the docstrings: `python -m docs.api` writes it anew.

```python
from pathlib import Path
from time import sleep

from dashboard.bundle import export_run
from dashboard.identity import Identity
from dashboard.request.request import Request
from dashboard.road import prepare
from dashboard.runs.process import end_children, ensure_worker
from dashboard.runs.results import load_mosaic, load_sources
from dashboard.runs.store import RunStore
from dashboard.settings import Settings

settings, me = Settings.from_environment(), Identity(origin="notebook")
request = Request(src_name="Crab", T1="2009-02-15T00:00:00", T2="2009-02-17T12:00:00")
plan = prepare(settings, request, me)  # nothing has been sent
print("\\n".join(plan.describe()))

store = RunStore(settings, me.user)
run_id = store.start(plan, me)
while True:
    ensure_worker(settings)  # it works as long as this process lives; lasting=True: until nothing is left to do
    state = store.state(run_id)
    if state.finished:
        break
    sleep(0.5)
print(state.line_of_truth)

mosaic = load_mosaic(settings, state)
print(mosaic.shape, mosaic.unit, mosaic.provenance.scw[:2])
table = load_sources(settings, state).to_table()
print(table["name", "scaled_significance", "flux", "scaled_error", "mcrab"][:3])
export_run(settings, store, state, Path("crab"))
end_children()
```

A token is given to `RunStore.start`; where the command line finds one: [Tokens](hosts-and-tokens.md#tokens). What a deployment sets:
[Settings](settings.md). Whatever goes wrong is raised as one of the [errors](#errors) below, with a sentence.
"""
ROAD: Final = {
    "Asking": ("dashboard.identity.Identity", "dashboard.request.request.Request"),
    "Planning": ("dashboard.road.prepare", "dashboard.road.extended", "dashboard.plan.plan.Plan", "dashboard.plan.job.Job"),
    "Running": (
        "dashboard.runs.store.RunStore",
        "dashboard.runs.process.ensure_worker",
        "dashboard.runs.process.end_children",
        "dashboard.runs.run_state.RunState",
        "dashboard.runs.run_state.BatchState",
    ),
    "What a run has found": (
        "dashboard.runs.results.load_mosaic",
        "dashboard.runs.results.load_sources",
        "dashboard.runs.results.load_spectra",
        "dashboard.runs.results.load_light_curves",
    ),
    "Products": (
        "dashboard.products.mosaic.Mosaic",
        "dashboard.products.mosaic.Provenance",
        "dashboard.products.catalog.SourceTable",
        "dashboard.products.catalog.MeasuredSource",
        "dashboard.products.spectrum.SpectrumSet",
        "dashboard.products.spectrum.Spectrum",
        "dashboard.products.spectrum.Redistribution",
        "dashboard.products.light_curve.LightCurveSet",
        "dashboard.products.light_curve.LightCurve",
        "dashboard.analysis.grouping.grouped_channels",
        "dashboard.analysis.grouping.regrouped",
        "dashboard.analysis.rebin.rebin",
    ),
    "Take home": ("dashboard.bundle.export_run", "dashboard.bundle.write_archive", "dashboard.report.report"),
}
"""By step of the road: what stands on the page. What `integral_dashboard` offers stands before all of it."""
SECTION: Final = re.compile(r"^(Parameters|Attributes|Returns|Raises|Notes)\n-+\n", re.M)


def found(dotted: str) -> Any:
    """The function or class of this name."""
    module, _, name = dotted.rpartition(".")
    return getattr(import_module(module), name)


def steps() -> dict[str, tuple[str, ...]]:
    """`ROAD`, after what is offered for notebooks."""
    offered = tuple(f"integral_dashboard.{name}" for name in getattr(import_module("integral_dashboard"), "__all__", ()))
    return {"In a notebook": offered, **ROAD} if offered else ROAD


def page() -> str:
    """The whole page."""
    parts = [HEAD]
    for step, names in steps().items():
        parts += [f"## {step}\n", *("\n".join(entry(name)) for name in names)]
    tree = inspect.cleandoc(import_module("dashboard.errors").__doc__ or "").split("\n\n")
    parts += ["## Errors\n", f"Of `dashboard.errors`. {tree[-1]}\n", f"```text\n{inspect.cleandoc(tree[1])}\n```\n"]
    return "\n".join(parts)


def entry(dotted: str) -> Iterator[str]:
    """A function, or a class with what it can do."""
    thing, (module, _, name) = found(dotted), dotted.rpartition(".")
    yield f"### {name}\n"
    if not inspect.isclass(thing):
        yield f"`from {module} import {name}`\n\n`{name}{signature(thing)}`\n"
        yield described(thing)
        return
    yield f"`from {module} import {name}`\n"
    yield described(thing)
    if name == "Request":
        yield "Its parameters are in [Parameters](parameters.md).\n"
    methods = {
        name: value for each in reversed(thing.__mro__) if each.__module__.startswith("dashboard.") for name, value in vars(each).items()
    }
    rows = [line for method, value in methods.items() if not method.startswith("_") and (line := row(method, value))]
    if rows:
        yield "| members | |\n|---|---|\n" + "\n".join(rows) + "\n"


def row(name: str, value: Any) -> str:
    """A method or property in one line of a table; "" for what is neither."""
    if isinstance(value, property) or type(value).__name__ == "cached_property":
        return f"| `{name}` | {summary(value)} |"
    function = getattr(value, "__func__", value)
    return (
        f"| `{name}{signature(function)}` | {summary(function)} |".replace("self, ", "").replace("(self)", "()")
        if inspect.isfunction(function)
        else ""
    )


def signature(function: Any) -> str:
    """As it is written; annotations are texts, and are told without their quotes."""
    text = re.sub(r"""((?:: |-> ))(["'])(.*?)\2(?=[,)]| =|$)""", r"\1\3", str(inspect.signature(function)))
    return re.sub(r"\bcls, |\(cls\)", "", text).replace("|", "\\|")


def summary(thing: Any) -> str:
    """First paragraph of a docstring, in one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split()).replace("|", "\\|")


def described(thing: Any) -> str:
    """A docstring in Markdown: its words, then what its numpy sections list."""
    words, *sections = SECTION.split(inspect.getdoc(thing) or "")
    lines = [words.strip(), ""]
    for title, body in zip(sections[::2], sections[1::2], strict=True):
        lines += [f"| {title.lower()} | |", "|---|---|"]
        lines += [f"| {names(title, head)} | {' '.join(text.split())} |".replace(" || ", " \\|\\| ") for head, text in items(body)]
        lines.append("")
    return "\n".join(lines)


def items(body: str) -> Iterator[tuple[str, str]]:
    """Names and words of a numpy section."""
    for block in re.split(r"\n(?=\S)", body.strip()):
        head, _, text = block.partition("\n")
        yield head, text


def names(title: str, head: str) -> str:
    """Names as code: of parameters, attributes or errors."""
    return ", ".join(f"`{name}`" for name in re.split(r",\s*", head.replace("|", "\\|")))


if __name__ == "__main__":
    PAGE.write_text(page())

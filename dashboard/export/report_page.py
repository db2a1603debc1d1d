"""A report as one HTML file: nothing is loaded from elsewhere and no script runs. Every text is escaped here and nowhere else."""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

from matplotlib.figure import Figure

from dashboard.products.catalog import MeasuredSource, SourceTable
from dashboard.products.mcrab import mcrab

POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
STYLE = """
body { font: 14px/1.5 system-ui, sans-serif; color: #1c2530; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0; } h2 { font-size: 1.15rem; margin: 2rem 0 .4rem; } small, figcaption, .quiet { color: #5b6775; }
table { border-collapse: collapse; font-size: 12.5px; font-variant-numeric: tabular-nums; }
td, th { text-align: left; padding: 2px 12px 2px 0; border-top: 1px solid #dfe4ea; vertical-align: top; } th { color: #5b6775; }
figure { margin: 1rem 0; } img { max-width: 100%; } pre { font-size: 11.5px; white-space: pre-wrap; overflow-wrap: anywhere; }
.simulated { color: #7a3fb5; border: 2px solid; border-radius: 4px; padding: 2px 10px; font-weight: 700; display: inline-block; }
@media print { details { display: block; } }
"""
COLUMNS = ("name", "σ", "flux", "mCrab", "RA [deg]", "Dec [deg]", "error [arcmin]", "batches", "warnings")


def page(title: str, banner: str, parts: Iterable[str]) -> str:
    """The whole file; `banner` is what must not be overlooked, "" for nothing."""
    marked = f'<p class="simulated">{escape(banner)}</p>' if banner else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        f'<meta name="referrer" content="no-referrer"><title>{escape(title)}</title><style>{STYLE}</style></head>'
        f"<body><h1>{escape(title)}</h1>{marked}{''.join(parts)}</body></html>\n"
    )


def section(title: str, *parts: str) -> str:
    """A heading and what stands below it."""
    return f"<h2>{escape(title)}</h2>{''.join(parts)}"


def paragraphs(sentences: Iterable[str]) -> str:
    """Texts, one below the other; empty ones are left out."""
    return "".join(f"<p>{escape(sentence)}</p>" for sentence in sentences if sentence)


def folded(title: str, text: str) -> str:
    """A long text that is unfolded by a click."""
    return f"<details><summary>{escape(title)}</summary><pre>{escape(text)}</pre></details>"


def picture(figure: Figure, words: str, form: str = "png") -> str:
    """A figure with its caption; `form` is "png" for images, "svg" for lines."""
    file = io.BytesIO()
    figure.savefig(file, format=form, dpi=110, metadata={"Date": None} if form == "svg" else None)
    kind = "svg+xml" if form == "svg" else form
    data = base64.b64encode(file.getvalue()).decode()
    return f'<figure><img alt="{escape(words)}" src="data:image/{kind};base64,{data}"><figcaption>{escape(words)}</figcaption></figure>'


def facts(rows: Mapping[str, str]) -> str:
    """A table of two columns."""
    return "<table>" + "".join(f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items()) + "</table>"


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table with a line of titles."""
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    body = "".join(f"<tr>{''.join(f'<td>{escape(text)}</td>' for text in row)}</tr>" for row in rows)
    return f"<table><tr>{head}</tr>{body}</table>"


def sources(found: SourceTable) -> str:
    """Every source that was found or measured, with its unit; below: 3 sigma limits of those that were not detected."""
    unit = f" [{found.flux_unit}]" if found.flux_unit else ""
    columns = [f"flux{unit}" if name == "flux" else name for name in COLUMNS]
    return table(columns, (_row(source, found) for source in found.sources))


def _row(source: MeasuredSource, found: SourceTable) -> tuple[str, ...]:
    limit = source.kind == "forced"
    rate, sign = (source.upper_limit, "< ") if limit else (source.flux, "")
    error = "" if limit else f" ± {source.scaled_error:.3g}"
    crab = mcrab(rate, found.crab)
    return (
        source.name,
        f"{source.scaled_significance:.1f}",
        f"{sign}{rate:.4g}{error}",
        f"{sign}{crab:.1f}" if math.isfinite(crab) else "–",
        f"{source.ra:.4f}",
        f"{source.dec:+.4f}",
        "–" if limit else f"{source.position_error:.2f}",
        str(source.n_batches or "–"),
        ", ".join(source.warnings),
    )

"""The plan in words, before Run: what would be asked, how deep, how long, and what stands in the way."""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape

from components.job_words import INSTRUMENTS
from dashboard.account import Standing
from dashboard.plan.forecast import LIMIT_SIGMA, Forecast
from dashboard.plan.plan import Plan, exposure_text
from dashboard.plan.screening import Poor
from dashboard.session import Session

INVITATION = "Plan asks the archive, and shows the batches before anything is sent."
ANYONE = "✓ anonymous is enough (public, ≤ 50 ScW a batch)"


def plan_lines(plan: Plan, computed: int, standing: Standing, poor: Iterable[Poor] = ()) -> str:
    """HTML of a plan of which `computed` batches are there already, for a user who stands so before its host; `poor` are suggested."""
    missing, advised = standing.missing(plan), standing.advised_s_max(plan)
    batches, left = len(plan.batches), len(plan.batches) - computed
    ready = f" · {computed} already computed" if computed else ""
    if missing:
        roles = f"▲ {standing.lack(plan)}"
    elif advised:
        roles = f"✓ your roles allow {advised} ScW a batch: fewer batches"
    else:
        roles = _enough(plan.roles_needed)
    target = plan.target
    simulated = '<b class="tag sim">SIMULATED</b>' if plan.simulated else ""
    return (
        f'<p class="quiet">{escape(target.name)} {target.ra:.4f} {target.dec:+.4f} ({escape(target.origin)}) {simulated}</p>'
        + _figures(plan.n_scw, plan.exposure, batches)
        + f'<p class="quiet">{escape(plan.time_text(left))}{ready}</p>'
        + _depths(plan.sensitivities())
        + f'<p class="{"warn" if missing else "ok"}">{escape(roles)}</p>'
        + _warnings((*plan.notices, *(one.sentence for one in poor)))
        + (f'<p class="quiet">{plan.n_left_out} ScW left out; Plan takes them back</p>' if plan.n_left_out else "")
    )


def extension_lines(before: Plan, after: Plan, news: Iterable[str]) -> str:
    """HTML of what a run would become, with what is new to be warned of."""
    known = {batch.batch_id for batch in before.batches}
    new = sum(batch.batch_id not in known for batch in after.batches)
    return (
        f'<p class="quiet">The run, extended: {new} batch{"es" * (new != 1)} to ask for. It is not yet.</p>'
        + _figures(after.n_scw, after.exposure, len(after.batches))
        + _warnings(news)
    )


def _warnings(sentences: Iterable[str]) -> str:
    return "".join(f'<p class="warn">▲ {escape(sentence)}</p>' for sentence in sentences)


def forecast_lines(ahead: Forecast, standing: Standing) -> str:
    """HTML of what a plan would be, told while the request is typed or dragged."""
    unknown = f'<p class="warn">▲ {ahead.unknown} listed ScW are not within reach of the target.</p>' if ahead.unknown else ""
    if not ahead.n_scw:
        return unknown or '<p class="warn">▲ No science window: widen the interval or the radius, or drag over others in the Time pane.</p>'
    lacking = [role for role in ahead.roles_needed if role not in standing.roles]
    roles = (
        f"▲ needs the role{'s' * (len(lacking) > 1)} {', '.join(lacking)}, or a smaller s_max" if lacking else _enough(ahead.roles_needed)
    )
    return (
        _figures(ahead.n_scw, ahead.exposure, ahead.n_batches)
        + f'<p class="quiet">{escape(ahead.time_text)}</p>'
        + _depths((each.instrument, each.band, each.error) for each in ahead.sensitivities)
        + f'<p class="{"warn" if lacking else "ok"}">{escape(roles)}</p>{unknown}'
        + f'<p class="quiet">{INVITATION}</p>'
    )


def _enough(needed: tuple[str, ...]) -> str:
    return "✓ your token has the roles it needs" if needed else ANYONE


def _figures(n_scw: int, exposure: float, batches: int) -> str:
    return f'<p class="big">{n_scw} ScW · {exposure_text(exposure)} · {batches} batch{"es" * (batches != 1)}</p>'


def _depths(sensitivities: Iterable[tuple[str, tuple[float, float], float]]) -> str:
    """Expected 5 sigma limits at the target; errors in mCrab are given."""
    lines = [
        f"{INSTRUMENTS[instrument]} {band[0]:g}–{band[1]:g} keV: {LIMIT_SIGMA * error:.2g} mCrab"
        for instrument, band, error in sensitivities
        if math.isfinite(error)
    ]
    return f'<p class="quiet">5σ limit, more near bright sources: {"; ".join(lines)}</p>' if lines else ""


def plan_card(session: Session) -> str:
    """HTML: what is wrong, what is being waited for, the plan, or what it would be."""
    if session.faults and not session.problem:
        return f'<p class="bad">✗ {len(session.faults)} value{"s" * (len(session.faults) > 1)} to correct</p>' + _elsewhere(session)
    if session.problem:
        return f'<p class="bad" role="alert">{escape(session.problem)}</p>'
    if session.busy:
        return f'<p class="quiet" role="status">{escape(session.busy)} …</p>'
    if session.extension is not None and session.look is not None:
        return extension_lines(session.look.plan, session.extension, session.extension_news)
    if session.plan is not None:
        return plan_lines(session.plan, session.computed, session.account.at(session.plan.host), session.poor)
    if session.ahead.forecast is not None:
        return forecast_lines(session.ahead.forecast, session.standing)
    return f'<p class="quiet">{INVITATION}</p>'


def _elsewhere(session: Session) -> str:
    """Faults that belong to no field stand here."""
    return f'<p class="bad" role="alert">{escape(session.faults[""])}</p>' if "" in session.faults else ""

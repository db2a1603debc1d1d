"""The plan in words, before Run: what would be asked, how deep, how long, and what stands in the way."""

from __future__ import annotations

from html import escape

from dashboard.account import Standing
from dashboard.plan.plan import Plan, exposure_text
from dashboard.session import Session

INVITATION = "Plan shows the science windows and batches before anything is sent."


def plan_lines(plan: Plan, computed: int, standing: Standing) -> str:
    """HTML of a plan of which `computed` batches are there already, for a user who stands so before its host."""
    missing, advised = standing.missing(plan), standing.advised_s_max(plan)
    batches, left = len(plan.batches), len(plan.batches) - computed
    ready = f" · {computed} already computed" if computed else ""
    if missing:
        roles = f"▲ {standing.lack(plan)}"
    elif advised:
        roles = f"✓ your roles allow {advised} ScW a batch: fewer batches"
    else:
        roles = "✓ your token has the roles it needs" if plan.roles_needed else "✓ anonymous is enough (public, ≤ 50 ScW a batch)"
    target = plan.target
    simulated = '<b class="tag sim">SIMULATED</b>' if plan.simulated else ""
    return (
        f'<p class="quiet">{escape(target.name)} {target.ra:.4f} {target.dec:+.4f} ({escape(target.origin)}) {simulated}</p>'
        f'<p class="big">{plan.n_scw} ScW · {exposure_text(plan.exposure)} · {batches} batch{"es" * (batches != 1)}</p>'
        f'<p class="quiet">{escape(plan.time_text(left))}{ready}</p>'
        + "".join(f'<p class="quiet">1σ at the target: {escape(text)}</p>' for text in plan.sensitivity_texts())
        + f'<p class="{"warn" if missing else "ok"}">{escape(roles)}</p>'
        + "".join(f'<p class="warn">▲ {escape(notice)}</p>' for notice in plan.notices)
    )


def plan_card(session: Session) -> str:
    """HTML: what is wrong, what is being waited for, or the plan."""
    if session.faults and not session.problem:
        return f'<p class="bad">✗ {len(session.faults)} value{"s" * (len(session.faults) > 1)} to correct</p>' + _elsewhere(session)
    if session.problem:
        return f'<p class="bad" role="alert">{escape(session.problem)}</p>'
    if session.busy:
        return f'<p class="quiet" role="status">{escape(session.busy)} …</p>'
    if session.plan is None:
        return f'<p class="quiet">{INVITATION}</p>'
    return plan_lines(session.plan, session.computed, session.account.at(session.plan.host))


def _elsewhere(session: Session) -> str:
    """Faults that belong to no field stand here."""
    return f'<p class="bad" role="alert">{escape(session.faults[""])}</p>' if "" in session.faults else ""

"""The plan in words, before Run."""

from __future__ import annotations

from html import escape

from dashboard.session import Session


def plan_card(session: Session) -> str:
    """HTML: what is being waited for, what is wrong, or what would be asked."""
    if session.problem:
        return f'<p class="bad" role="alert">{escape(session.problem)}</p>'
    if session.busy:
        return f'<p class="quiet">{escape(session.busy)} …</p>'
    if session.plan is None:
        return '<p class="quiet">Plan shows the science windows and batches before anything is sent.</p>'
    plan = session.plan
    done = session.store.done_batches([batch.batch_id for batch in plan.batches])
    head, *rest = plan.describe(done)
    return f'<p class="big">{escape(head)}</p>' + "".join(f'<p class="quiet">{escape(line)}</p>' for line in rest)

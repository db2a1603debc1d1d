"""jobs: the user's jobs at a host, whoever sent them: list, show, attach one as a run, report one to the host's people."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from dashboard.commands.answer import say
from dashboard.commands.asking import add_token_option, standing
from dashboard.errors import RequestError
from dashboard.identity import Identity
from dashboard.settings import Settings

if TYPE_CHECKING:
    from dashboard.job_acts import JobActs, JobLook


def add_to(commands: Any) -> None:
    """Add these commands to a parser's sub-commands."""
    acts = commands.add_parser("jobs", help="your jobs at a host, whoever sent them").add_subparsers(dest="what", required=True)
    listing = acts.add_parser("list", help="all of the last days, the newest first")
    show = acts.add_parser("show", help="one job: parameters, how it ended and what can be done")
    attach = acts.add_parser("attach", help="make a job a run; what is computed already is handed over")
    report = acts.add_parser("report", help="tell the host's people that something is wrong with a job; shows the report and asks first")
    for command, act in ((listing, _list), (show, _show), (attach, _attach), (report, _report)):
        command.add_argument("--host", default="production", help="host_type (default: production)")
        command.add_argument("--days", type=float, default=7.0, help="how far back (default: 7)")
        command.add_argument("--json", action="store_true", help="answer in JSON")
        add_token_option(command)
        command.set_defaults(act=act)
    for command in (show, attach, report):
        command.add_argument("job_id", help="as in the list, or its beginning")
    attach.add_argument("--name", default="", help="of the run; the job's when not given")
    report.add_argument("text", help="what is wrong")
    report.add_argument("--yes", action="store_true", help="do not ask")


def _acts(options: argparse.Namespace) -> JobActs:
    from dashboard.account import account_of
    from dashboard.job_acts import JobActs
    from dashboard.runs.store import RunStore

    settings, identity = Settings.from_environment(), Identity()
    standing(settings, options.host, options)
    return JobActs(settings, RunStore(settings, identity.user), identity, account_of(settings, identity.user))


def _document(look: JobLook) -> dict[str, Any]:
    job = look.job
    return {
        "job_id": job.job_id,
        "session_id": job.session_id,
        "state": job.state,
        "changed": look.when,
        "instrument": job.instrument,
        "product_type": job.product_type,
        "source": look.source,
        "scw": list(job.scw),
        "run_id": look.run_id,
        "said": job.said,
        "remedy": look.remedy,
        "obstacle": look.obstacle,
        "remark": look.remark,
        "parameters": dict(job.parameters),
    }


def _list(options: argparse.Namespace) -> int:
    looks = _acts(options).jobs(options.host, options.days)
    lines = [
        f"{look.job.job_id}  {look.when:<16}  {look.job.state:<12} {look.what:<15} {look.source[:20]:<20} {len(look.job.scw):>4} ScW"
        f"{f'  run {look.run_id}' if look.run_id else ''}"
        for look in looks
    ]
    return say(options, [_document(look) for look in looks], *(lines or [f"{options.host} has no job of yours in {options.days:g} days."]))


def _show(options: argparse.Namespace) -> int:
    look = _acts(options).job(options.host, options.job_id, options.days)
    job = look.job
    facts = {
        "job": f"{job.job_id}, session {job.session_id or 'not told'}, {look.what}: {job.state}",
        "changed": f"{look.when or 'not told'} UTC",
        "run": f"{look.run_id} {look.run_name}".strip(),
        "the host says": job.said,
        "remedy": look.remedy,
        "attach": look.obstacle or look.remark,
    }
    lines = [f"{name}: {value}" for name, value in facts.items() if value]
    lines += [f"  {name} = {_short(value)}" for name, value in sorted(job.parameters.items())]
    return say(options, _document(look), *lines)


def _short(value: Any) -> str:
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return text if len(text) <= 300 else f"{text[:299]}…"


def _attach(options: argparse.Namespace) -> int:
    acts = _acts(options)
    look = acts.job(options.host, options.job_id, options.days)
    if look.remark:
        print(f"Note: {look.remark}", file=sys.stderr)
    run_id = acts.attach(options.host, look, options.name, lasting=True)
    return say(
        options, {"run_id": run_id, "job_id": look.job.job_id}, f"run {run_id}", f"To see it: integral-dashboard runs watch {run_id}"
    )


def _report(options: argparse.Namespace) -> int:
    acts = _acts(options)
    look = acts.job(options.host, options.job_id, options.days)
    sent = acts.preview(look, options.text)
    if not options.yes and not sys.stdin.isatty():
        raise RequestError("Nobody can be asked whether this is to be sent: answer at a terminal, or add --yes.")
    print("\n".join(f"{name}: {value}" for name, value in sent.items()), file=sys.stderr)
    if not options.yes and input(f"Send this, and who you are, to the people of {options.host}? [y/N] ").strip().lower() not in (
        "y",
        "yes",
    ):
        return say(options, {"sent": False}, "Nothing was sent.")
    told = acts.report(options.host, look, options.text)
    return say(options, {"sent": True, "told": told}, f"Sent: {told}")

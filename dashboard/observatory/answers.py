"""Bodies of the dispatcher's answers."""

from __future__ import annotations

import json
import time
from typing import Any, Final

from dashboard.observatory.jobs import Job
from dashboard.observatory.products import INSTRUMENTS, Built
from dashboard.observatory.query import Query, Refused

_CODE: Final = (
    "from oda_api.api import DispatcherAPI\ndisp=DispatcherAPI(url='PRODUCTS_URL/dispatch-data', instrument='mock')\n\npar_dict={}\n\n"
    "data_collection = disp.get_product(**par_dict)\n"
)
_NOT_IN_CODE: Final = frozenset(
    ["query_status", "session_id", "job_id", "instrument_name", "selected_catalog", "image_scale_min", "image_scale_max"]
)


def refusal(refused: Refused) -> dict[str, Any]:
    """Body of a 400 or 403, with a configuration as real dispatchers send it."""
    return {
        "error_message": refused.message,
        **({"debug_message": ""} if refused.status == 403 else {}),
        "error": f"{refused.kind}():{refused.message}",
        "cdci_data_analysis_version": "1.3.6",
        "cdci_data_analysis_version_details": "simulated observatory",
        "oda_api_version": "1.3.5",
        "installed_instruments": list(INSTRUMENTS),
        "debug_mode": "yes",
        "config": {"dispatcher-config": {"origin": {"set_by": "simulated observatory"}, "cfg_dict": {}}, "plugins": {}},
    }


def exit_status(job_status: str, status: int = 0, message: str = "", error: str = "", debug: str = "", comment: str = "") -> dict[str, Any]:
    """How a request ended."""
    return {
        **{"job_status": job_status, "status": status, "message": message, "error_message": error, "debug_message": debug},
        **{"comment": comment, "warning": ""},
    }


def answer(
    query: Query, state: str, end: dict[str, Any], products: dict[str, Any], monitor: dict[str, Any] | None = None
) -> dict[str, Any]:
    """The frame of every answer of run_analysis; `monitor` is added to the job monitor."""
    return {
        "query_status": state,
        "products": products,
        "exit_status": end,
        "job_monitor": {"job_id": query.job_id, "session_id": query.session, "status": state, **(monitor or {})},
        "job_status": state,
        "session_id": query.session,
        "time_request": time.time(),
    }


def comment(query: Query) -> str:
    """What is said about arguments that no product takes."""
    if not query.unused:
        return ""
    plural = ("arguments", "are") if len(query.unused) > 1 else ("argument", "is")
    return f"Please note that {plural[0]} {', '.join(query.unused)} {plural[1]} not used"


def submitted(query: Query) -> dict[str, Any]:
    """A job was accepted."""
    products = {"input_prod_list": query.scw_list, "analysis_parameters": dict(query.values), "api_code": api_code(query)}
    end = exit_status("submitted", comment=comment(query)) | {"email_status": "sending email failed"}
    return answer(query, "submitted", end, products, {"full_report_dict_list": []})


def underway(query: Query, job: Job) -> dict[str, Any]:
    """A job that is at progress, ready or failed; or still submitted."""
    rows = reports(query, job)
    monitor = {"full_report_dict": rows[-1]} if rows else {}
    return answer(query, job.state, exit_status(job.state), {}, {**monitor, "full_report_dict_list": rows})


def done(query: Query, built: Built, scw_list: list[str]) -> dict[str, Any]:
    """The product."""
    products = {
        "numpy_data_product_list": built.products,
        **({} if built.catalog is None else {"catalog": built.catalog}),
        "prod_process_message": "",
        "session_id": query.session,
        "job_id": query.job_id,
        "input_prod_list": scw_list,
        "analysis_parameters": dict(query.values),
        "api_code": api_code(query),
    }
    monitor: dict[str, Any] = {"full_report_dict_list": []} if query.dummy else {}
    return answer(query, "done", exit_status("done", comment=comment(query)), products, monitor)


def failing(query: Query, debug: str, message: str = "Error when getting query products") -> dict[str, Any]:
    """A submission that failed before anything was computed: 200 and failed."""
    notified = "The support team has been notified, and we are investigating to resolve the issue as soon as possible"
    button = 'please use the "Write a feedback" button below'
    feedback = f"If you are willing to help us, {button}. We will make sure to respond to any feedback provided"
    error = f"Instrument: {query.instrument.name}, product: {query.product}\n\n{notified}\n\n{feedback}"
    products = {"analysis_parameters": dict(query.values), "api_code": api_code(query)}
    return answer(query, "failed", exit_status("unknown", 1, message, error, debug), products)


def roles_missing(query: Query, missing: dict[str, str]) -> dict[str, Any]:
    """A 403 for want of roles."""
    lines = [
        "Unfortunately, your priviledges are not sufficient to make the request for this particular product and parameter combination.",
        f"- Your priviledge roles include {list(query.roles)}",
        "- You are lacking all of the following roles:",
        *(f" - {role}: {reason}" for role, reason in missing.items()),
        "You can request support if you think you should be able to make this request.",
    ]
    body = answer(query, "failed", exit_status("failed", 1, "\n".join(lines)), {})
    clock = body.pop("time_request")
    return body | {"status_code": 403, "time_request": clock}


def record(job: Job, *, include_status_query_output: bool = False, exclude_analysis_parameters: bool = False) -> dict[str, Any]:
    """What /inspect-user-state tells of a job: its folder on the server."""
    query, ended = job.query, job.state in ("done", "failed")
    parameters = {**query.values, "token": {"sub": query.user, "roles": ",".join(query.roles)}, "email_history": [], "fits_files": []}
    end = exit_status(job.state, int(job.state == "failed"), job.obstacle, "", "")
    return {
        "mtime": job.submitted_at,
        "ctime": job.submitted_at,
        "session_id": query.session,
        "job_id": query.job_id,
        "aliased_marker": "",
        "request_completed": ended,
        "token_expired": False,
        **({} if exclude_analysis_parameters else {"analysis_parameters": {**parameters, "job_monitor": []}}),
        **({"query_output": {"status_dictionary": end}} if include_status_query_output else {}),
    }


def grouped(record: dict[str, Any]) -> dict[str, Any]:
    """The same with group_by_job; here each job has one folder."""
    folder = {name: record[name] for name in ("mtime", "ctime", "request_completed", "token_expired")}
    named = {"scratch_dir_fn": f"scratch_sid_{record['session_id']}_jid_{record['job_id']}"}
    kept = {name: value for name, value in record.items() if name not in folder and name not in ("session_id", "aliased_marker")}
    return {**kept, "job_status_data": [{**named, **folder}]}


def api_code(query: Query) -> str:
    """The query as a script; like the real one it repeats the token."""
    renamed = {"product_type": "product", "query_type": "product_type"}
    kept = {renamed.get(k, k): v for k, v in query.values.items() if k not in _NOT_IN_CODE and v is not None}
    return _CODE.replace("{}", json.dumps(kept, indent=4, sort_keys=True), 1)


def reports(query: Query, job: Job) -> list[dict[str, Any]]:
    """What the backend's callbacks have told, oldest first: nodes and science windows, then how it ended."""
    if job.state == "submitted":
        return []
    scw_list = sorted(query.scw_list)
    common = {
        **{"session_id": query.session, "job_id": query.job_id, "work_dir": f"scratch_sid_{query.session}_jid_{query.job_id}"},
        **{"file_name": "job_monitor.json", "instrument_name": query.instrument.name, "token": query.values.get("token")},
        **{"time_original_request": str(job.submitted_at), "progressing": ""},
    }

    def row(node: str, scw: str, progress: float) -> dict[str, Any]:
        step = {"action": "progress", "node": node, "node_id": node, "scwid": scw, "message": "main done", "level": "mainstream"}
        return {**common, **step, "stage": "imaging", "progress": f"{progress:.0f}", "progress_max": "100"}

    total = len(scw_list)
    rows = [row("ii_skyimage", scw, 99.0 * (k + 1) / total) for k, scw in enumerate(scw_list[: job.progress])]
    if job.state in ("ready", "done"):
        rows.append(row("mosaic_ii_skyimage", scw_list[-1], 100.0))
    if job.state in ("ready", "done", "failed"):
        failed = f"{job.obstacle}: node failed" if job.obstacle else "node_final failed"
        action, message = ("failed", failed) if job.state == "failed" else ("done", "node_final completed")
        rows.append({**common, "action": action, "node_id": "node_final", "message": message})
    return rows

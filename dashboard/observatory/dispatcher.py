"""The dispatcher's routes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
import string
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dashboard.observatory import answers, orbit, products, query, sky
from dashboard.observatory.jobs import Job, Jobs
from dashboard.observatory.products import INSTRUMENTS, Built
from dashboard.observatory.query import Query, Refused

Handler = Callable[["Dispatcher", Request], Awaitable[Response]]
_HANG = 3600.0  # seconds


def _refusing(handler: Handler) -> Handler:
    @wraps(handler)
    async def wrapped(self: Dispatcher, request: Request) -> Response:
        try:
            return await handler(self, request)
        except Refused as refused:
            return JSONResponse(answers.refusal(refused), refused.status)

    return wrapped


class Dispatcher:
    """Answers run_analysis and what surrounds it."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs

    def routes(self) -> list[Route]:
        """All routes, below the server's root."""
        return [
            Route("/run_analysis", self.run_analysis, methods=["GET", "POST"]),
            Route("/api/par-names", self.par_names),
            *(Route(path, self.meta_data) for path in ("/meta-data", "/api/meta-data")),
            *(Route(path, self.instr_list) for path in ("/instr-list", "/api/instr-list")),
            Route("/resolve_name", self.resolve_name),
            Route("/get_revnum", self.get_revnum),
            Route("/inspect-user-state", self.inspect_user_state, methods=["GET", "POST"]),
            Route("/report_incident", self.report_incident, methods=["POST"]),
        ]

    async def instr_list(self, request: Request) -> Response:
        """Names of the instruments."""
        return JSONResponse(list(INSTRUMENTS))

    @_refusing
    async def par_names(self, request: Request) -> Response:
        """Names of the parameters a product takes."""
        found = query.chosen(request.query_params.get("instrument"), request.query_params.get("product_type"))
        return JSONResponse([p.name for p in products.parameters_of(*found)])

    @_refusing
    async def meta_data(self, request: Request) -> Response:
        """Description of an instrument, or of one of its products."""
        instrument, product = request.query_params.get("instrument"), request.query_params.get("product_type")
        found, _ = query.chosen(instrument, product or f"{instrument}_image")
        return JSONResponse([products.describe(found, product or "")])

    async def resolve_name(self, request: Request) -> Response:
        """Position of a name; failure is told by the message alone."""
        name = request.query_params.get("name", "")
        source = sky.resolve(name)
        if source is None:
            return JSONResponse({"name": name.replace(" ", "_"), "message": f"{name} could not be resolved"})
        found = {"RA": source.ra, "DEC": source.dec, "have_coordinates": True, "object_ids": [source.name, *source.aliases]}
        more = {"object_type": "X", "entity_portal_link": "", "message": f"{name} successfully resolved"}
        return JSONResponse({"name": name.replace(" ", "_"), **found, **more})

    @_refusing
    async def get_revnum(self, request: Request) -> Response:
        """Revolution of a UTC moment."""
        text = request.query_params.get("time_to_convert", "")
        try:
            ijd = orbit.ijd_of_text(text)
        except ValueError:
            raise Refused(f"The time {text!r} is neither ISO nor a number") from None
        return JSONResponse({"revnum": int(orbit.revolution_at(ijd))})

    @_refusing
    async def inspect_user_state(self, request: Request) -> Response:
        """The jobs of the token's user; like the real one it reads the query string alone."""
        asked = request.query_params
        user = _user(request)
        part, days = asked.get("job_id", ""), float(asked.get("recent_days", 3.0))
        found = [job for job in self.jobs.of_user(user) if part in ("", job.query.job_id[:8]) and job.age < days * 86400]
        options = {name: bool(asked.get(name)) for name in ("include_status_query_output", "exclude_analysis_parameters")}
        records = [answers.record(job, **options) for job in found]
        return JSONResponse({"records": [answers.grouped(one) for one in records] if asked.get("group_by_job") else records})

    @_refusing
    async def report_incident(self, request: Request) -> Response:
        """Take a report, and tell that it was passed on."""
        _user(request)
        form = {**request.query_params, **await request.form()}
        self.jobs.counts.incidents.append({name: str(value) for name, value in form.items() if name != "token"})
        return JSONResponse({"email_report_status": "incident report email successfully sent"})

    @_refusing
    async def run_analysis(self, request: Request) -> Response:
        """Submit or poll."""
        fields = request.query_params if request.method == "GET" else await request.form()
        given = {name: [v for v in fields.getlist(name) if isinstance(v, str)] or [""] for name in fields}
        session = "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(16))
        asked = query.read(given, session)
        missing = asked.missing_roles()
        if missing:
            return JSONResponse(answers.roles_missing(asked, missing), 403)
        if asked.instrument.offers[asked.product].build is None:
            raise Refused(f"The simulated observatory does not offer {asked.product} yet: ask for isgri_image.")
        if asked.dummy:
            scw_list = products.canned(asked.instrument)
            return await self._product(asked, await self.jobs.build(asked, scw_list), [], "")
        return await (self._submit(asked, request) if asked.status == "new" else self._poll(asked))

    async def _submit(self, asked: Query, request: Request) -> Response:
        if asked.malformed_scw or not asked.scw_list:
            wrong = (
                f"the following scws have a wrong format {asked.malformed_scw}"
                if asked.scw_list
                else f"no science windows within {asked.values['radius']:g} deg between {asked.values['T1']} and {asked.values['T2']}"
            )
            return JSONResponse(answers.failing(asked, f'DDAException("{wrong}")'))
        if asked.values.get("time_bin", 0.0) > query.LONGEST_BIN:
            wrong = f"time bin {asked.values['time_bin']:g} s is larger than {query.LONGEST_BIN:g} s"
            return JSONResponse(answers.failing(asked, f"RuntimeError('{wrong}')"))
        job = self.jobs.submit(asked)
        match job.failure:
            case "500":
                return JSONResponse({"message": "request not valid", "error_message": "Internal error (simulated)"}, 500)
            case "502":
                return Response("<html><body>502 Bad Gateway</body></html>", 502, media_type="text/html")
            case "hang":
                return await self._hang(request)
            case "lock":
                text = f"Failed to acquire lock for directory scratch_sid_{asked.session}_jid_{asked.job_id}"
                return JSONResponse(answers.failing(asked, f"InternalError('{text}')", text))
        return await self._state(asked, job)

    async def _poll(self, asked: Query) -> Response:
        self.jobs.counts.polls += 1
        job_id = asked.values.get("job_id")
        if not job_id:
            raise Refused(f'job_id must be present if query_status != "new" (it is "{asked.status}")')
        try:
            job = self.jobs[str(job_id)]
        except KeyError:
            raise Refused(f"unable to find any record for {job_id}") from None
        if job.query.job_id != asked.job_id:
            raise Refused("Request not authorized", 403)
        return await self._state(asked, job)

    async def _state(self, asked: Query, job: Job) -> Response:
        if job.state == "submitted" and asked.status == "new":
            return JSONResponse(answers.submitted(asked))
        if job.state == "done" or (job.state == "ready" and asked.status in ("ready", "done")):
            return await self._product(asked, await self.jobs.product(job), asked.scw_list, job.failure)
        return JSONResponse(answers.underway(asked, job))

    async def _product(self, asked: Query, built: Built, scw_list: list[str], failure: str) -> Response:
        def encode() -> bytes:
            body: dict[str, Any] = answers.done(asked, built, scw_list)
            if failure == "nan" and built.products:
                body["products"]["numpy_data_product_list"] = _with_nan(built)
            return json.dumps(body).encode()

        content = await self.jobs.run(encode)
        if failure == "truncated":
            content = content[: len(content) // 2]
        return Response(content, media_type="application/json")

    @staticmethod
    async def _hang(request: Request) -> Response:
        loop = asyncio.get_running_loop()
        end = loop.time() + _HANG
        with contextlib.suppress(asyncio.CancelledError):  # the server ends
            while loop.time() < end and not await request.is_disconnected():
                await asyncio.sleep(0.1)
        return Response(status_code=504)


def _user(request: Request) -> str:
    """Of the token in the address; refused without one."""
    user, _ = query.identify(request.query_params.get("token"))
    if not user:
        raise Refused("A token must be provided.", 403)
    return user


def _with_nan(built: Built) -> list[dict[str, Any]]:
    """The products with a bare NaN among the header values of the last HDU."""
    *units, last = built.products[0]["data_unit_list"]
    return [{**built.products[0], "data_unit_list": [*units, {**last, "header": {**last["header"], "DEADC": float("nan")}}]}]

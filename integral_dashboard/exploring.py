"""`explore`: the dashboard's views in a notebook cell, and a run's products in a script."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from components.exploration import Exploration
from dashboard.identity import Identity
from dashboard.request.request import Request
from dashboard.session import Session
from dashboard.settings import Settings

RUN: Final = re.compile(r"\d{8}-\d{6}-[0-9a-f]{4}")


def explore(what: str | Request | Mapping[str, Any] = "", *, start: bool = False, form: bool = False, **parameters: Any) -> Exploration:
    """Look at a source, a request or a run.

    Nothing is asked of a dispatcher unless `start` says so, or Run is pressed.

    Parameters
    ----------
    what
        The id of a run; or a request, as an object or as a mapping of its parameters; or the name of a source.
    start
        Begin the run when there is none to look at.
    form
        Show the form beside a run, too; without a run it is there.
    **parameters
        Of the request, as in the service description: T1, T2, E1_keV, instrument, product, ...

    Returns
    -------
    Exploration
        Of a name alone, your newest run of that source; of a request, the newest that was asked exactly so, from those that have something
        to show or are under way. Without one the form is filled, and waits for Run or for `.start()`.

    Raises
    ------
    RequestError
        For an unknown parameter or a value that cannot be.
    RunNotFound
        When there is no run of this id.
    DashboardError
        With `start`: whatever keeps the run from beginning.

    Examples
    --------
    >>> look = explore("Crab")  # doctest: +SKIP
    >>> look.table("sources")["name", "flux", "flux_error"]  # doctest: +SKIP
    """
    session = Session(Settings.from_environment(), Identity(origin="notebook"))
    if isinstance(what, str) and RUN.fullmatch(what) and not parameters:
        return Exploration(session, what, form=form)
    request = _request(what, parameters)
    run_id = session.store.newest(_asks(request, name_alone=isinstance(what, str) and not parameters)) if what or parameters else ""
    session.request.param.update(**request.to_dict())
    found = Exploration(session, run_id, form=form)
    return found.start() if start and not run_id else found


def _request(what: str | Request | Mapping[str, Any], parameters: Mapping[str, Any]) -> Request:
    if isinstance(what, Request):
        values = what.to_dict()
    elif isinstance(what, str):
        values = {"src_name": what} if what else {}
    else:
        values = dict(what)
    return Request.from_dict({**values, **parameters})


def _asks(request: Request, *, name_alone: bool) -> Callable[[Mapping[str, Any]], bool]:
    """Whether a stored request is this one; `name_alone`: whether it is of this source."""
    name, wanted = _plain(request.src_name), request.to_dict()

    def asks(stored: Mapping[str, Any]) -> bool:
        if name_alone:
            return _plain(str(stored.get("src_name", ""))) == name
        known = {key: value for key, value in stored.items() if key in Request.param}
        return Request.from_dict(known).to_dict() == wanted

    return asks


def _plain(name: str) -> str:
    return " ".join(name.split()).casefold()

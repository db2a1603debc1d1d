"""The views in a notebook cell, and the products of the run they show."""

from __future__ import annotations

import threading
import time
from functools import cache
from math import inf
from typing import Any, Final, Self

import panel as pn
from panel.io.notebook import push_notebook

from components.page import REFRESH_MS, Page
from components.sheet import Sheet
from dashboard.errors import RunError, RunNotFound
from dashboard.run_products import RunProducts
from dashboard.runs.process import ensure_worker
from dashboard.session import Session
from dashboard.visit import Visit

WATCH_SECONDS: Final = 0.3


@cache
def load_once() -> None:
    """What figures and, in a kernel, the browser of its cells need, whatever `pn.extension()` has loaded."""
    pn.extension("tabulator", sizing_mode="stretch_width", inline=True)  # inline: from the kernel, for others may not be reached


class Exploration(RunProducts, pn.viewable.Viewer):
    """A run, or a request that waits for its run: shown where it is the value of a cell, read where it is not.

    In a second cell the views are shown instead of in the first; served (`pn.serve`), every visitor has views of his own.

    Parameters
    ----------
    session
        State of the views; `session.selection` is what is selected in them.
    run_id
        The run; "" when there is none yet.
    form
        Show the form beside a run, too.

    Raises
    ------
    RunNotFound
        When there is no such run.
    """

    def __init__(self, session: Session, run_id: str = "", *, form: bool = False) -> None:
        pn.viewable.Viewer.__init__(self)
        RunProducts.__init__(self, session.settings, session.store, run_id)
        self.session, self._form = session, form
        self._page: Page | None = None
        self._pulse: Any = None
        self._turn = threading.RLock()
        if run_id:
            _ = self.state

    @property
    def run_id(self) -> str:
        """The run that is shown; RunNotFound when none was begun yet."""
        run_id = self.session.run.run_id if self.session.run else self._run_id
        if not run_id:
            raise RunNotFound("There is no run yet: press Run, or call .start().")
        return run_id

    def start(self) -> Self:
        """Plan the request as it stands in the form, and begin its run; raises what keeps it from beginning."""
        session = self.session
        session.accept(*session.propose())
        self._run_id = session.start()
        if self._page is not None:
            session.watch_run(self._run_id)
        return self

    def wait(self, seconds: float = inf) -> Self:
        """Wait until the run has ended, or waits for its owner; a worker is seen to.

        Raises
        ------
        RunError
            When it has not after so many seconds; it goes on.
        """
        deadline = time.monotonic() + seconds
        while not (state := self.state).finished:
            if time.monotonic() > deadline:
                raise RunError(f"Run {state.run_id} has not ended after {seconds:g} s ({state.line_of_truth}): it goes on, wait again.")
            ensure_worker(self.session.settings)
            time.sleep(WATCH_SECONDS)
        return self

    def __panel__(self) -> pn.viewable.Viewable:
        doc, mine = pn.state.curdoc, self.session
        if doc is not None and doc.session_context is not None:
            pn.extension("tabulator", design=Sheet, sizing_mode="stretch_width")
            visitors = Session(mine.settings, mine.identity)
            visitors.request.param.update(**mine.asked().to_dict())
            run_id = mine.run.run_id if mine.run else self._run_id
            return Page(visitors, Visit(run=run_id), cell=True, form=self._form or not run_id).__panel__()
        if self._page is None:
            load_once()
            with pn.config.set(design=Sheet):
                self._page = Page(mine, Visit(), cell=True, form=self._form or not self._run_id)
                if self._run_id:
                    mine.open(self._run_id)
            self._listen(self._page.__panel__())
        return self._page.__panel__()

    def _listen(self, root: Any) -> None:
        """Take what the browser sends one by one: kernels hand it over in another thread, and what two threads send at once is garbled.

        What a click builds looks like ours; what else is in the notebook keeps its looks.
        """
        take = root._on_msg

        def on_message(*about: Any) -> None:
            with self._turn, pn.config.set(design=Sheet):
                take(*about)

        root._on_msg = on_message

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> Any:
        """What a cell shows, kept current as long as it is shown."""
        shown = super()._repr_mimebundle_(include, exclude)
        if self._pulse is None and self._page is not None:
            pn.state.execute(self._page.warm)
            self._pulse = pn.state.add_periodic_callback(self._beat, period=REFRESH_MS)
        return shown

    def _beat(self) -> None:
        """Bring what has changed into the cell; figures are changed past Panel, which therefore has to be told."""
        root = self.__panel__()
        if not root._models:
            self._pulse.stop()
            self._pulse = None
            return
        with self._turn, pn.config.set(design=Sheet):
            self.session.refresh()
            push_notebook(root)

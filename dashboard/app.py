"""The page of one browser session; `panel serve dashboard/app.py` runs this file once for each."""

import panel as pn

from components.page import Page
from dashboard.identity import Identity
from dashboard.session import Session
from dashboard.settings import Settings

pn.extension("tabulator", notifications=True, sizing_mode="stretch_width")
session = Session(Settings.from_environment(), Identity(origin="page"))
if run_id := pn.state.location and pn.state.session_args.get("run", [b""])[0].decode():
    session.watch_run(run_id)
Page(session).servable(title="INTEGRAL dashboard")

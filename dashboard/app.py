"""The page of one browser session; `panel serve dashboard/app.py` runs this file once for each."""

import panel as pn

from assets import asset_path
from components.incident import report
from components.page import Page
from dashboard.identity import Identity
from dashboard.session import Session
from dashboard.settings import Settings

pn.extension(
    "tabulator",
    notifications=True,
    exception_handler=report,
    sizing_mode="stretch_width",
    raw_css=[asset_path("page.css").read_text()],
    global_css=[asset_path("theme.css").read_text()],
)
session = Session(Settings.from_environment(), Identity(origin="page"))
Page(session, run_id=pn.state.session_args.get("run", [b""])[0].decode()).servable(title="INTEGRAL dashboard")

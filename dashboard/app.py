"""The page of one browser session; `panel serve dashboard/app.py` runs this file once for each."""

import panel as pn

from assets import asset_path
from components.incident import reporter
from components.page import Page
from components.sheet import Sheet
from dashboard.identity import Identity
from dashboard.session import Session
from dashboard.settings import Settings

settings = Settings.from_environment()
session = Session(settings, Identity.of_visitor(pn.state.user, single_user=settings.single_user))
pn.extension(
    "tabulator",
    design=Sheet,
    exception_handler=reporter(session),
    sizing_mode="stretch_width",
    browser_info=False,
    global_css=[asset_path("theme.css").read_text()],
)
assert pn.state.curdoc is not None
with pn.state.curdoc.models.freeze():
    Page(session, run_id=pn.state.session_args.get("run", [b""])[0].decode()).servable(title="INTEGRAL dashboard")

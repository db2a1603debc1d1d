"""The page of one browser session; `panel serve dashboard/app.py` runs this file once for each."""

import panel as pn

from assets import asset_path
from components.entrance import visitor
from components.incident import reporter
from components.page import Page
from components.sheet import Sheet
from dashboard.settings import Settings
from dashboard.visit import Visit

visit = Visit.of_arguments(pn.state.session_args)
session = visit.session(Settings.from_environment(), visitor())
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
    Page(session, visit).servable(title="INTEGRAL dashboard")

"""What a page process does before it takes its first visitor, who would wait for it: `panel serve --setup` runs this file.

Libraries are loaded, a page is made that nobody sees, and each kind of figure is drawn once, as `components/drawn_once.py` keeps them. The
kernels of the sums are compiled by the worker, once a machine.
"""

from __future__ import annotations

import numpy as np
import panel as pn
from bokeh.document import Document
from bokeh.models import Range1d

from components.chart import Chart
from components.coverage import CoverageStrips
from components.elements import light_curve, spectrum
from components.light_curves import TOOLTIPS
from components.page import Page
from components.sheet import Sheet
from components.spectra import TOOLTIPS as SPECTRUM_TOOLTIPS
from dashboard.identity import Identity
from dashboard.logs import begin_logging
from dashboard.session import Session
from dashboard.settings import Settings
from dashboard.visit import Visit


def warm(settings: Settings) -> None:
    """Make a page and its figures for nobody: no store is asked, so that a database that is away keeps no page server from beginning."""
    pn.extension("tabulator", design=Sheet)
    session = Session(settings, Identity(origin="page"))
    CoverageStrips(session, Range1d(start=0.0, end=1.0))
    curve = light_curve.light_curve_columns(None, np.empty(0, dtype=np.intp))
    Chart(light_curve.light_curve_picture, {"ISGRI": curve}, light_curve.LAYERS, TOOLTIPS, "count/s")
    Chart(spectrum.spectrum_picture, {"ISGRI": spectrum.spectrum_columns(())}, spectrum.LAYERS, SPECTRUM_TOOLTIPS)
    Page(session, Visit()).__panel__().server_doc(Document())


if __name__ == "panel_setup_module":
    given = Settings.from_environment()
    begin_logging(given)
    warm(given)

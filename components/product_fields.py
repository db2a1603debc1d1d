"""What only some products need: time bin, systematics, grouping."""

from __future__ import annotations

from typing import Any

import panel as pn

from components.fields import Field, when_empty
from dashboard.request.request import Request
from dashboard.request.traps import ISGRI_SYSTEMATIC
from dashboard.session import Session

GROUPING = ("isgri_grouping_min_energy", "isgri_grouping_max_energy", "isgri_grouping_factor")
NAMES = ("lc_time_bin", "systematic_fraction", *GROUPING, "spectrum_weighting")


def relevant(request: Request) -> set[str]:
    """Those of `NAMES` that change something in what is asked."""
    extracted, spectrum = request.extracted, "spectrum" in request.products
    return {
        *(("lc_time_bin",) if "lightcurve" in request.products else ()),
        *(("systematic_fraction",) if extracted else ()),
        *(("spectrum_weighting",) if spectrum else ()),
        *(GROUPING if spectrum and "isgri" in request.instruments else ()),
    }


class ProductFields(pn.viewable.Viewer):
    """Fields for spectra and light curves; each is made when it is first needed, and shown while it is."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._column = pn.Column(css_classes=["extra"], visible=False, margin=0)
        self._fields: dict[str, Field] = {}
        self._advice: Any = None

    def __panel__(self) -> pn.viewable.Viewable:
        return self._column

    def follow(self, names: set[str]) -> None:
        """Show the fields of these parameters, and of those that are wrong."""
        request = self._session.request
        wanted = [name for name in NAMES if name in names or name in self._session.faults]
        for name in wanted:
            if name not in self._fields:
                later = [self._fields[other].widget for other in NAMES[NAMES.index(name) :] if other in self._fields]
                self._fields[name] = Field(self._session, name, self._column)
                self._column.insert(self._column.index(later[0]) if later else len(self._column), self._fields[name].widget)
        for name, field in self._fields.items():
            field.widget.visible = name in wanted
        self._column.visible = bool(wanted)
        if "systematic_fraction" in self._fields:
            self._fields["systematic_fraction"].widget.placeholder = when_empty(request, "systematic_fraction")
            self._advise(self._fields["systematic_fraction"].widget, "isgri" in request.instruments)

    def _advise(self, field: Any, isgri: bool) -> None:
        """OSA's recommendation for ISGRI, one click away."""
        if self._advice is None and isgri:
            label = f"ISGRI: OSA's manual says about {ISGRI_SYSTEMATIC:.0%}"
            self._advice = pn.widgets.Button(label=label, css_classes=["chip", "advice"], margin=0)
            self._advice.on_click(lambda _: self._session.request.param.update(systematic_fraction=ISGRI_SYSTEMATIC))
            self._column.insert(self._column.index(field) + 1, self._advice)
        if self._advice is not None:
            self._advice.visible = isgri and field.visible and self._session.request.systematic_fraction is None

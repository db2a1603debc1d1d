"""The form shows what is asked, and only the fields that change it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import panel as pn
import pytest

from components.ask import AskView
from components.words import Words
from dashboard.identity import Identity
from dashboard.request.document import names
from dashboard.session import Session
from tests.runs.sky_dispatcher import settings_in

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword:DeprecationWarning")  # Bokeh's use of pandas

GROUPING = {"Group from [keV]", "Group to [keV]", "Groups [bins]"}


class Form:
    """The form and its widgets, found by their labels as they are shown."""

    def __init__(self, folder: Path, **asked: Any) -> None:
        self.session = Session(settings_in(folder), Identity(origin="page"))
        self.session.request.param.update(**asked)
        self.view: Any = AskView(self.session).__panel__()
        self.instruments: Any
        self.products: Any
        self.instruments, self.products = self.view.select(pn.widgets.CheckBoxGroup)

    @property
    def shown(self) -> dict[str, Any]:
        """Label to widget, of those that neither they nor what holds them hide."""

        def walk(layout: Any) -> Any:
            for child in layout:
                if child.visible:
                    yield from walk(child) if isinstance(child, pn.Column) else (child,)

        return {widget.label: widget for widget in walk(self.view) if getattr(widget, "label", "")}

    @property
    def sentences(self) -> list[str]:
        return [words.value for words in self.view.select(Words) if words.visible and 'role="alert"' in words.value]

    def open(self, fold: str) -> None:
        next(widget for label, widget in self.shown.items() if fold in label).value = True


@pytest.fixture
def form(tmp_path: Path) -> Form:
    return Form(tmp_path)


def test_a_mosaic_needs_few_fields(form: Form) -> None:
    assert form.instruments.value == ["isgri"]
    assert form.products.value == ["mosaic"]
    assert not GROUPING & set(form.shown)
    assert not [label for label in form.shown if "Time bin" in label or "Systematics" in label or "Catalogue" in label]


def test_choosers_set_the_request_in_the_order_offered(form: Form) -> None:
    form.instruments.value = ["jemx2", "isgri"]
    form.products.value = ["lightcurve", "mosaic"]
    assert form.session.request.instrument == ["isgri", "jemx2"]
    assert form.session.request.product == ["mosaic", "lightcurve"]
    form.products.value = ["spectrum"]
    assert form.session.request.product == "spectrum"
    assert form.session.asked().instruments == ("isgri", "jemx2")


def test_choosers_follow_a_request_that_comes_from_elsewhere(tmp_path: Path) -> None:
    form = Form(tmp_path, instrument=["isgri", "jemx"], jemx_unit="both", product=["spectrum"])
    assert form.instruments.value == ["isgri", "jemx1", "jemx2"]
    assert form.products.value == ["spectrum"]
    form.session.request.param.update(instrument="jemx", jemx_unit=2, product="lightcurve")
    assert (form.instruments.value, form.products.value) == (["jemx2"], ["lightcurve"])
    form.instruments.value = ["jemx1"]
    assert form.session.faults == {}
    assert form.session.asked().instruments == ("jemx1",)


def test_choosing_nothing_is_marked_until_something_is_chosen(form: Form) -> None:
    form.products.value = []
    assert list(form.session.faults) == ["product"]
    assert "wrong" in form.products.css_classes
    assert "choice" in form.products.css_classes
    assert any("name at least one" in sentence for sentence in form.sentences)
    form.products.value = ["mosaic"]
    assert form.session.faults == {}
    assert form.sentences == []
    assert "wrong" not in form.products.css_classes


@pytest.mark.parametrize(
    ("instruments", "products", "expected", "absent"),
    [
        (["isgri"], ["spectrum"], {"Systematics", "Weights", *GROUPING}, {"Time bin [s]"}),
        (["isgri"], ["lightcurve"], {"Systematics", "Time bin [s]"}, {"Weights", *GROUPING}),
        (["jemx1"], ["spectrum"], {"Systematics", "Weights"}, {"Time bin [s]", *GROUPING}),
        (["isgri", "jemx2"], ["mosaic", "spectrum", "lightcurve"], {"Systematics", "Time bin [s]", "Weights", *GROUPING}, set()),
    ],
)
def test_fields_come_and_go_with_what_is_asked(
    form: Form, instruments: list[str], products: list[str], expected: set[str], absent: set[str]
) -> None:
    for _ in range(2):
        form.instruments.value, form.products.value = instruments, products
        assert expected <= set(form.shown)
        assert not absent & set(form.shown)
        form.instruments.value, form.products.value = ["isgri"], ["mosaic"]
        assert not (expected | absent) & set(form.shown)


def test_extra_fields_keep_their_order_however_they_came(form: Form) -> None:
    def order() -> list[str]:
        return [label for label in form.shown if label in {"Systematics", "Time bin [s]", "Weights", *GROUPING}]

    form.products.value = ["spectrum"]
    form.products.value = ["spectrum", "lightcurve"]
    assert order() == ["Time bin [s]", "Systematics", "Group from [keV]", "Group to [keV]", "Groups [bins]", "Weights"]


def test_a_wrong_extra_is_marked_below_it(form: Form) -> None:
    form.products.value = ["spectrum"]
    form.shown["Groups [bins]"].value = -20
    assert list(form.session.faults) == ["isgri_grouping_max_energy"]
    assert "wrong" in form.shown["Group to [keV]"].css_classes
    form.shown["Group from [keV]"].value = 20.0
    form.shown["Group to [keV]"].value = 200.0
    assert form.session.faults == {}
    assert form.session.asked().grouping == (20.0, 200.0, -20)


def test_an_empty_field_says_what_it_stands_for(form: Form) -> None:
    def empty(*labels: str) -> list[str]:
        return [form.shown[label].placeholder for label in labels]

    assert empty("E min [keV]", "E max [keV]", "Radius [deg]") == ["28", "40", "10.5"]
    form.instruments.value, form.products.value = ["jemx1", "jemx2"], ["spectrum"]
    assert empty("E min [keV]", "E max [keV]", "Radius [deg]", "Systematics") == ["3", "20", "3.5", "0.05"]
    form.instruments.value = ["isgri", "jemx1"]
    assert empty("E min [keV]", "Radius [deg]", "Systematics") == ["28 / 3", "10.5 / 3.5", "0.0015 / 0.05"]


@pytest.mark.parametrize(("label", "wrong"), [("Radius [deg]", 400.0), ("E min [keV]", 900.0), ("Systematics", 7.0)])
def test_a_field_that_is_emptied_stands_for_the_default_again(form: Form, label: str, wrong: float) -> None:
    form.products.value = ["spectrum"]
    form.shown[label].value = wrong
    assert form.session.faults
    form.shown[label].value = None
    assert form.session.faults == {}
    assert (form.session.asked().radius_for("isgri"), form.session.asked().systematic_for("isgri")) == (10.5, 0.0015)


def test_an_emptied_number_is_empty_in_the_browser_too(form: Form) -> None:
    field = form.shown["E min [keV]"]
    model = field.get_root()
    field.value = 30.0
    assert model.value == 30.0
    field.value = None
    assert model.value is None


def test_the_recommended_systematics_are_one_click_away(form: Form) -> None:
    form.instruments.value, form.products.value = ["jemx1"], ["spectrum"]
    assert not [label for label in form.shown if "manual" in label]
    form.instruments.value = ["isgri"]
    advice = next(widget for label, widget in form.shown.items() if "manual says about 1%" in label)
    advice.clicks += 1
    assert form.session.asked().systematic_for("isgri") == 0.01
    assert form.shown["Systematics"].value == 0.01
    assert not [label for label in form.shown if "manual" in label]


def test_the_catalogue_is_folded_and_chosen_without_contradiction(form: Form) -> None:
    form.products.value = ["spectrum"]
    assert "▸ Catalogue: MMODA's default" in form.shown
    assert "Catalogue from" not in form.shown
    form.open("Catalogue")
    source = form.shown["Catalogue from"]
    assert not {"ScW in the image [ScW]", "stop to review the catalogue", "Catalogue [JSON]"} & set(form.shown)
    source.value = "image"
    assert {"ScW in the image [ScW]", "stop to review the catalogue", "▾ Catalogue: sources of an image"} <= set(form.shown)
    form.shown["stop to review the catalogue"].value = True
    asked = form.session.asked()
    assert (asked.use_default_catalog, asked.make_image, asked.review_catalog) == (False, True, True)
    source.value = "file"
    assert list(form.session.faults) == ["use_default_catalog"]
    assert "wrong" in source.css_classes
    form.shown["Catalogue [JSON]"].value = '{"cat_column_names": []}'
    assert form.session.faults == {}
    source.value = "default"
    assert form.session.faults == {}
    assert form.session.request.api_catalog_file == ""
    source.value = "file"
    assert form.session.request.api_catalog_file == '{"cat_column_names": []}', "what was pasted is not lost"
    form.products.value = ["mosaic"]
    assert not [label for label in form.shown if "Catalogue" in label]


def test_every_parameter_has_its_place(form: Form) -> None:
    form.instruments.value, form.products.value = ["isgri", "jemx1"], ["mosaic", "spectrum", "lightcurve"]
    before = len(form.shown)
    form.open("Catalogue")
    form.open("Advanced")
    next(toggle for toggle in form.view.select(pn.widgets.Toggle) if toggle.label == "edit").value = True
    controls = [w for w in form.view.select(pn.widgets.Widget) if not isinstance(w, pn.widgets.Button | pn.widgets.Toggle | Words)]
    examples, search = 1, 1
    two_for_one, chosen_by_instrument, in_the_header, implied_by_a_position = 1, 1, 1, 1
    elsewhere = two_for_one + chosen_by_instrument + in_the_header + implied_by_a_position
    assert len(controls) - examples - search == len(names(form.session.request)) - elsewhere
    assert len(form.shown) > before


def test_a_new_session_makes_only_what_it_shows(form: Form) -> None:
    assert len(list(form.view.select())) == 22

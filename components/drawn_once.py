"""Figures that HoloViews draws once a process: every session gets a copy, which takes 2 ms instead of 50 to 150.

Bokeh has no deep copy, and by way of its JSON every value is looked at again, at the price of drawing: here the values of each model
are taken over as they stand. A test compares the copies with what was drawn.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import fields, is_dataclass, replace
from typing import Any, Final

from bokeh.core.has_props import HasProps
from bokeh.core.property.wrappers import PropertyValueContainer
from bokeh.model import Model
from bokeh.util.serialization import make_id

KEPT: Final = 64
VALUES: Final = ("_property_values", "_unstable_default_values", "_unstable_themed_values")
_drawn: OrderedDict[Hashable, Any] = OrderedDict()


def drawn_once(key: Hashable, draw: Callable[[], Any]) -> Any:
    """A copy of what `draw` returned when it was first called for an equal key, without data; no glyph looks otherwise when selected.

    Whoever gets it fills the sources, and ties to it what belongs to a session: callbacks, shared ranges.
    """
    if key not in _drawn:
        figure = _drawn[key] = draw()
        for renderer in figure.renderers:
            renderer.data_source.data = {name: [] for name in renderer.data_source.data}
            renderer.update(selection_glyph=None, nonselection_glyph=None, muted_glyph=None, hover_glyph=None)
    _drawn.move_to_end(key)
    while len(_drawn) > KEPT:
        _drawn.popitem(last=False)
    return copied(_drawn[key])


def copied(figure: Any) -> Any:
    """A figure with all its models anew, each with an id of its own. Arrays are shared, Python's callbacks are left out."""
    copies: dict[str, Model] = {}
    waiting: list[Model] = []

    def copy_of(value: Any) -> Any:
        if isinstance(value, Model):
            if value.id not in copies:
                copies[value.id] = type(value).__new__(type(value), id=make_id())
                waiting.append(value)
            return copies[value.id]
        if isinstance(value, list):
            return [copy_of(each) for each in value]
        if isinstance(value, tuple | set):
            return type(value)(map(copy_of, value))
        if isinstance(value, dict):
            return {copy_of(name): copy_of(each) for name, each in value.items()}
        if is_dataclass(value) and not isinstance(value, type):
            return replace(value, **{field.name: copy_of(getattr(value, field.name)) for field in fields(value)})
        return value

    first = copy_of(figure)
    while waiting:
        model = waiting.pop()
        _take_over(copies[model.id], model, copy_of)
    return first


def _take_over(copy: Model, model: Model, copy_of: Callable[[Any], Any]) -> None:
    """Give a bare model the values of another."""
    super(HasProps, copy).__init__()
    for name in VALUES:
        values = {}
        for key, value in getattr(model, name).items():
            values[key] = copy_of(value)
            if isinstance(value, PropertyValueContainer):  # tells its owner of changes
                descriptor = copy.lookup(key)
                values[key] = descriptor.property.wrap(values[key])
                values[key]._register_owner(copy, descriptor)
        setattr(copy, name, values)
    copy._initialized = True

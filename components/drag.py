"""A drag along the time or energy axis of a figure, and the band that shows what was chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bokeh.events import SelectionGeometry
from bokeh.models import BoxSelectTool
from bokeh.models.annotations import BoxAnnotation

from components.elements.series import ACCENT


class Band:
    """A selected range of a figure's x axis."""

    def __init__(self, plot: Any) -> None:
        self._box = BoxAnnotation(fill_color=ACCENT, fill_alpha=0.16, line_color=ACCENT, line_alpha=0.7, visible=False, level="underlay")
        plot.add_layout(self._box)

    def follow(self, selected: tuple[float, float] | None) -> None:
        """Show this range, or none."""
        self._box.visible = selected is not None
        if selected is not None:
            self._box.update(left=selected[0], right=selected[1])


def select_by_drag(plot: Any, selected: Callable[[float, float], None]) -> BoxSelectTool:
    """A drag calls `selected` with the edges, ascending; the tool is added and active."""
    tool = BoxSelectTool(dimensions="width", renderers=[])
    tool.overlay.update(fill_color=ACCENT, fill_alpha=0.12, line_color=None)
    plot.add_tools(tool)
    plot.toolbar.active_drag = tool

    def dragged(event: Any) -> None:
        low, high = sorted((event.geometry["x0"], event.geometry["x1"]))
        if event.final and low < high:
            selected(low, high)

    plot.on_event(SelectionGeometry, dragged)
    return tool

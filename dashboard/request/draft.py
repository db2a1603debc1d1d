"""A request that is still being typed."""

from __future__ import annotations

import param

from dashboard.request.request import Request


def draft() -> Request:
    """A request whose numbers may be anything while they are typed: `dashboard.request.checks` says what is wrong with them."""
    request = Request()
    for name in request.param:
        parameter = request.param[name]
        if isinstance(parameter, param.Number):
            parameter.bounds, parameter.inclusive_bounds, parameter.allow_None = None, (True, True), True
        elif isinstance(parameter, param.List):
            parameter.item_type = None
    return request

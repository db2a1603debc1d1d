"""Requests as JSON: strict reading with sentences instead of tracebacks."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

import param

from dashboard.errors import RequestError

LARGEST_NUMBER = 2.0**53  # beyond it whole numbers change on their way through JSON


def read(text: str) -> dict[str, Any]:
    """Parse the text of a request.

    Raises
    ------
    RequestError
        When it is no JSON object, holds a key twice or a number JSON does not know (NaN, Infinity).
    """

    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        keys = [key for key, _ in pairs]
        if twice := next((key for key in keys if keys.count(key) > 1), None):
            raise RequestError(f"The request gives {twice!r} twice: keep one.", twice)
        return dict(pairs)

    def refuse(constant: str) -> Any:
        raise RequestError(f"The request holds {constant}, which is no JSON number: give a finite one.")

    try:
        document = json.loads(text, object_pairs_hook=members, parse_constant=refuse)
    except json.JSONDecodeError as error:
        raise RequestError(f"The request is no valid JSON: {error.msg} in line {error.lineno}, column {error.colno}.") from None
    except (RecursionError, ValueError):
        raise RequestError("The request is no JSON this program can hold: a number is too long or it is nested too deeply.") from None
    if not isinstance(document, dict):
        raise RequestError('The request must be a JSON object such as {"src_name": "Crab"}.')
    return document


def assign(target: param.Parameterized, document: Mapping[str, Any]) -> None:
    """Set the parameters of `target` from a document; absent keys keep their value.

    Raises
    ------
    RequestError
        For an unknown key, a value of the wrong type or outside its bounds; `field` names it.
    """
    known = names(target)
    for key, value in document.items():
        if key == "token":
            raise RequestError("A token is no part of a request: put it in the environment variable ODA_TOKEN.", key)
        if key not in known:
            raise RequestError(f"The request has no parameter {str(key)[:60]!r}{suggestion(key, known)}", str(key)[:60])
        parameter = target.param[key]
        problem = RequestError(f"{key} is {shown(value)}; it must be {expectation(parameter)}{_near(value, parameter)}", key)
        if _holds_stray_value(value, parameter):
            raise problem
        try:
            setattr(target, key, deepcopy(value))
        except (ValueError, TypeError):
            raise problem from None


def names(target: param.Parameterized) -> list[str]:
    """Parameters of a request, without param's own `name`."""
    return [name for name in target.param if name != "name"]


def suggestion(word: object, known: Iterable[str]) -> str:
    """End of a sentence: the known word that resembles `word`, if any, case aside."""
    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(str(word).lower(), by_lower, n=1, cutoff=0.6)
    return f"; did you mean {by_lower[close[0]]!r}?" if close else "."


def shown(value: object) -> str:
    """A value as JSON, cut to a readable length."""
    text = json.dumps(value, default=repr)
    return text if len(text) <= 60 else text[:57] + "..."


def expectation(parameter: Any) -> str:
    """What a parameter takes, in words: "a number above 0 and at most 180 deg"."""
    unit = (parameter.metadata or {}).get("unit", "")
    match parameter:
        case param.Boolean():
            return "true or false"
        case param.Selector():
            return "one of " + ", ".join(shown(choice) for choice in parameter.objects)
        case param.Number():
            noun = "a whole number" if isinstance(parameter, param.Integer) else "a number"
            limits = _limits(parameter)
            return " ".join(part for part in (noun, limits or ("in" if unit else ""), unit) if part)
        case param.List():
            item: Any = parameter.item_type
            items = {str: "texts", int: "whole numbers"}.get(item, "pairs [E1, E2] of numbers")
            return f"a list of {items}"
        case param.ClassSelector() if parameter.class_ == (str, list):
            return "a text or a list of texts"
        case param.ClassSelector():
            return "a text, a number or a list of them"
    return "a text"


def _limits(parameter: Any) -> str:
    (low, high), (low_in, high_in) = parameter.bounds or (None, None), parameter.inclusive_bounds
    parts = []
    if low is not None:
        parts.append(f"{'of at least' if low_in else 'above'} {low:g}")
    if high is not None:
        parts.append(f"{'at most' if high_in else 'below'} {high:g}")
    return " and ".join(parts)


def _near(value: object, parameter: Any) -> str:
    if isinstance(parameter, param.Selector) and isinstance(value, str):
        return suggestion(value, [choice for choice in parameter.objects if isinstance(choice, str)])
    return "."


def _holds_stray_value(value: object, parameter: Any) -> bool:
    """Whether a boolean poses as a number, or a number is no float64, where param itself lets it pass."""
    if isinstance(value, bool):
        return not isinstance(parameter, param.Boolean)
    if isinstance(value, list | tuple):
        return any(_holds_stray_value(item, parameter) for item in value)
    return isinstance(value, int | float) and not abs(value) <= LARGEST_NUMBER

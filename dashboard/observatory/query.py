"""One query to the dispatcher: its fields read, checked and completed with defaults; its rights."""

from __future__ import annotations

import hashlib
import json
import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any, Final

import jwt

from dashboard.observatory import choice, extraction, jemx, products
from dashboard.observatory.products import INSTRUMENTS, Instrument, Parameter

SECRET: Final = "secretkey_test"
_SESSION: Final = frozenset(
    {"session_id", "job_id", "token", "dry_run", "oda_api_version", "api", "off_line", "query_status", "async_dispatcher"}
    | {"client-name", "verbose", "run_asynch", "return_progress"}
)
_CONTROL: Final = _SESSION | {
    *("instrument", "product_type", "query_type", "allow_unknown_args", "use_scws"),
    *("catalog_selected_objects", "user_catalog", "user_catalog_file"),
}
_NUMBERS: Final = {"RA": float, "DEC": float, "radius": float, "E1_keV": float, "E2_keV": float, "detection_threshold": float} | {
    **{"image_scale_min": float, "image_scale_max": float, "time_bin": float, "max_pointings": int, "jemx_num": int}
}
LONGEST_BIN: Final = 20000.0
"""Seconds of a light curve's bin: a query for longer ones fails, as it does where it is computed."""
_SHORTEST_BIN: Final = 1.0
_OSA: Final = re.compile(r"OSA1[01]\.2(-[\w.-]+)?")
_SCW: Final = re.compile(r"\d{12}\.\d{3}")


class Refused(Exception):
    """The query is not understood (400) or its token is refused (403): answered with the server's configuration."""

    def __init__(self, message: str, status: int = 400, kind: str = "") -> None:
        super().__init__(message)
        self.message, self.status = message, status
        self.kind = kind or ("RequestNotUnderstood" if status == 400 else "RequestNotAuthorized")


@dataclass(frozen=True)
class Query:
    """A query that passed the checks of its values.

    Attributes
    ----------
    values
        What was sent, read, then the defaults, in the dispatcher's order.
    unused
        Names of arguments no product takes.
    user
        Subject of the token, "" for none.
    roles
        Of the token.
    """

    instrument: Instrument
    product: str
    values: Mapping[str, Any]
    unused: tuple[str, ...]
    user: str
    roles: tuple[str, ...]

    @property
    def status(self) -> str:
        """Status the client sends: new, or the last it was told."""
        return str(self.values.get("query_status") or "new")

    @property
    def session(self) -> str:
        """Session id."""
        return str(self.values["session_id"])

    @property
    def dummy(self) -> bool:
        """Whether canned data are asked for."""
        return self.values.get("query_type") == "Dummy"

    @cached_property
    def scw_list(self) -> list[str]:
        """Science windows with version: those listed, else those of the interval and circle."""
        v = self.values
        return list(v["scw_list"]) or choice.chosen(*(v[name] for name in ("T1", "T2", "RA", "DEC", "radius", "max_pointings")))

    @property
    def job_id(self) -> str:
        """16 hex digits of all parameters but those of the session, and of the user; the order of lists does not count."""
        kept = {k: sorted(v) if isinstance(v, list) else v for k, v in self.values.items() if k not in _SESSION and v is not None}
        return hashlib.md5(json.dumps([kept, self.user], sort_keys=True).encode(), usedforsecurity=False).hexdigest()[:16]

    @property
    def malformed_scw(self) -> list[str]:
        """Ids that are not RRRRPPPPSSSF.VVV."""
        return [scw for scw in self.scw_list if not _SCW.fullmatch(scw)]

    def missing_roles(self) -> dict[str, str]:
        """Roles the query needs and the token lacks, each with the reason."""
        count, pointings = len(self.values["scw_list"]), int(self.values["max_pointings"])
        asked = f"scw_list) = [ .. {count} items .. ]" if count > 50 else f"max_pointings={pointings}"
        needed = {}
        if max(count, pointings) > 500:
            needed["unige-hpc-extreme"] = "it is needed to request > 500 ScW"
        if max(count, pointings) > 50:
            needed["unige-hpc-full"] = f"it is needed to request > 50 ScW, you requested {asked}"
        if self.values["integral_data_rights"] == "all-private":
            reason = 'this role is needed to access private INTEGRAL data requested with integral_data_rights == "all-private"'
            needed["integral-private-qla"] = reason
        elif any(scw.endswith(".000") for scw in self.values["scw_list"]):
            needed["integral-public-nrt"] = "this role is needed to access near-real-time data"
        if self.values["osa_version"] not in products.OSA_VERSIONS:
            needed["integral-private-qla"] = "this role is needed to use development versions of OSA"
        return {role: reason for role, reason in needed.items() if role not in self.roles}


def read(fields: Mapping[str, Sequence[str]], new_session: str) -> Query:
    """The query in a form or query string (each name with the values it was given).

    Raises
    ------
    Refused
        With the dispatcher's sentence.
    """
    sent: dict[str, Any] = {name: None if given[-1] == "\x00" else given[-1] for name, given in fields.items()}
    if "scw_list" in fields:
        sent["scw_list"] = _scw_list(fields["scw_list"])
    user, roles = identify(sent.get("token"))
    instrument, product = chosen(sent.get("instrument"), sent.get("product_type"))
    offered = products.parameters_of(instrument, product)
    known = {p.name for p in offered}
    values: dict[str, Any] = {k: _value(k, v) for k, v in sent.items() if k in known or k in _CONTROL}
    for parameter in _defaults_in_order(instrument, product):
        if values.get(parameter.name) is None:
            values[parameter.name] = parameter.default
    if not values.get("session_id") or values["session_id"] == "new":
        values["session_id"] = new_session
    _check(values, instrument)
    return Query(instrument, product, values, tuple(k for k in sent if k not in values), user, roles)


def chosen(instrument: str | None, product: str | None) -> tuple[Instrument, str]:
    """Instrument and product by name; refused when unknown."""
    if instrument is None or instrument not in INSTRUMENTS:
        raise Refused(f'instrument: "{instrument}", known: {list(INSTRUMENTS)}', kind="InstrumentNotRecognized")
    found = INSTRUMENTS[instrument]
    if product is None or product not in found.offers:
        known = {name: offer.query for name, offer in found.offers.items()}
        raise Refused(
            f"[ InstrumentQueryBackEnd : {instrument} ] constructor failed: product type {product} not in query_dictionary {known}"
        )
    return found, product


def identify(token: str | None) -> tuple[str, tuple[str, ...]]:
    """User and roles of a token; nobody without one."""
    if not token or token == "None":
        return "", ()
    relogin = "please try to logout and login again. If already logged out, please clean the cookies, and resubmit you request."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)  # the well-known secret protects nothing
            claims = jwt.decode(token, SECRET, algorithms=["HS256"])
    except jwt.ExpiredSignatureError:
        raise Refused(f"The token provided is expired, {relogin}", 403) from None
    except jwt.InvalidSignatureError:
        raise Refused(f"The token provided is not valid, {relogin}", 403) from None
    except jwt.InvalidTokenError as error:
        raise Refused(f"[ InstrumentQueryBackEnd : instrument-not-set ] constructor failed: {error}") from None
    roles = claims.get("roles", [])
    return str(claims.get("sub", "")), tuple(r.strip() for r in (roles.split(",") if isinstance(roles, str) else roles) if r.strip())


def sign(roles: str, user: str = "user@example.invalid", hours: float = 24.0) -> str:
    """A token that observatories accept, with comma-separated roles."""
    claims = {"sub": user, "email": user, "name": "Simulated user", "roles": roles, "exp": datetime.now(UTC) + timedelta(hours=hours)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", jwt.InsecureKeyLengthWarning)
        return jwt.encode(claims, SECRET, algorithm="HS256")


def _defaults_in_order(instrument: Instrument, product: str) -> tuple[Parameter, ...]:
    own = tuple(p for p in instrument.parameters if p.name not in ("user_catalog", "scw_list"))
    scw = tuple(p for p in instrument.parameters if p.name == "scw_list")
    return (*instrument.offers[product].parameters, *own, *products.SOURCE, *scw)


def _scw_list(given: Sequence[str]) -> list[str]:
    ids = [scw for text in given if text != "\x00" for scw in text.split(",") if scw]
    if any(re.search(r"\s", scw) for scw in ids):
        raise Refused("Parameter scw_list wrong value: a list of science windows holds no spaces")
    return ids


def _value(name: str, text: Any) -> Any:
    if name not in _NUMBERS or text is None:
        return text
    try:
        number = _NUMBERS[name](text)
    except ValueError as error:
        raise Refused(f"Parameter {name} wrong value {text}. {error}") from None
    if not math.isfinite(number):
        raise Refused(f"Parameter {name} wrong value {text}. It is no finite number")
    return number


def _check(values: Mapping[str, Any], instrument: Instrument) -> None:
    low, high = instrument.band
    e1, e2 = values["E1_keV"], values["E2_keV"]
    if not (low <= e1 <= high and low <= e2 <= high):
        raise Refused(f"{instrument.title} energy range is restricted to {low:g} - {high:g} keV")
    if e1 >= e2:
        raise Refused(f"Parameter E1_keV wrong value {e1}: it should be below E2_keV ({e2})")
    osa, rights = values["osa_version"], values["integral_data_rights"]
    if not _OSA.fullmatch(str(osa)):
        allowed = f"one of {list(products.OSA_VERSIONS)}, and may contain additional components."
        raise Refused(f"value {osa} is not allowed. The OSA version should start with {allowed}")
    if rights not in products.RIGHTS:
        raise Refused(f"Parameter integral_data_rights wrong value {rights}: not in {list(products.RIGHTS)}")
    if values.get("jemx_num", 1) not in jemx.UNITS:
        raise Refused(f"Parameter jemx_num wrong value {values['jemx_num']}: not in {list(jemx.UNITS)}")
    if values.get("time_bin", _SHORTEST_BIN) < _SHORTEST_BIN:
        raise Refused(f"Parameter time_bin wrong value {values['time_bin']}: it should be at least {_SHORTEST_BIN:g} s")
    if values.get("time_bin_format", "sec") != "sec":
        raise Refused(f"Parameter time_bin_format wrong value {values['time_bin_format']}: only sec is known")
    if values.get("selected_catalog"):
        try:
            extraction.asked(values["selected_catalog"], values.get("catalog_selected_objects"))
        except ValueError as error:
            raise Refused(f"Parameter selected_catalog wrong value: {error}") from None
    for name in ("T1", "T2"):
        _check_time(name, str(values[name]), str(values["T_format"]))


def _check_time(name: str, text: str, form: str) -> None:
    try:
        if form == "mjd":
            float(text)
        else:
            datetime.fromisoformat(text)
    except ValueError:
        raise Refused(f"Parameter {name} wrong value {text}: can't be parsed as Time of {form} format") from None

"""Simbad through its client, with the answers of its TAP service made by hand: a position, unknown, or a sentence."""

from __future__ import annotations

import io
from typing import Any

import pytest
import requests
from requests.adapters import HTTPAdapter
from urllib3 import HTTPResponse

from dashboard.archive.simbad import SIMBAD_SECONDS, simbad_position
from dashboard.errors import ArchiveUnavailable, UnknownSource

pytestmark = pytest.mark.filterwarnings("ignore::astropy.utils.exceptions.AstropyWarning")

CAPABILITIES = """<?xml version="1.0" encoding="UTF-8"?>
<vosi:capabilities xmlns:vosi="http://www.ivoa.net/xml/VOSICapabilities/v1.0" xmlns:tr="http://www.ivoa.net/xml/TAPRegExt/v1.0"
 xmlns:vs="http://www.ivoa.net/xml/VODataService/v1.1" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">
<capability standardID="ivo://ivoa.net/std/TAP" xsi:type="tr:TableAccess">
<interface role="std" xsi:type="vs:ParamHTTP"><accessURL use="base">https://simbad.cds.unistra.fr/simbad/sim-tap</accessURL></interface>
<language><name>ADQL</name><version ivo-id="ivo://ivoa.net/std/ADQL#v2.0">2.0</version></language>
<outputFormat><mime>application/x-votable+xml</mime></outputFormat><outputLimit><hard unit="row">2000000</hard></outputLimit>
</capability></vosi:capabilities>"""
ROW = "<TR><TD>M 1</TD><TD>83.6324</TD><TD>22.0174</TD></TR>"
TABLE = f"""<?xml version="1.0" encoding="utf-8"?>
<VOTABLE version="1.3" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE type="results">
<INFO name="QUERY_STATUS" value="OK"/><TABLE><FIELD name="main_id" datatype="char" arraysize="*"/>
<FIELD name="ra" datatype="double" unit="deg"/><FIELD name="dec" datatype="double" unit="deg"/>
<DATA><TABLEDATA>{ROW}</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"""
PAGE = "<html><body>Maintenance<br></body></html>"


class Service:
    """Answers every request of the client's session in its stead."""

    def __init__(self, answer: str = TABLE, status: int = 200, capabilities: str = CAPABILITIES, error: Exception | None = None) -> None:
        self.answer, self.status, self.capabilities, self.error = answer, status, capabilities, error
        self.length: int | None = None
        self.location = ""
        self.deadlines: list[Any] = []

    def send(self, _: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.deadlines.append(options["timeout"])
        if self.error is not None:
            raise self.error
        first = "capabilities" in str(request.url)
        response = requests.Response()
        response.request, response.url = request, str(request.url)
        body = (self.capabilities if first else self.answer).encode()
        headers = {} if first or self.length is None else {"Content-Length": str(self.length)}
        response.raw = HTTPResponse(io.BytesIO(body), headers=headers, preload_content=False, enforce_content_length=True)
        response.status_code = 200 if first else self.status
        if self.location and not first:
            response.headers["Location"] = self.location
        return response


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    served = Service()
    monkeypatch.setattr(HTTPAdapter, "send", lambda adapter, request, **options: served.send(adapter, request, **options))
    return served


def test_a_known_name_has_its_position_and_every_question_a_deadline(service: Service) -> None:
    assert simbad_position("M 1") == (83.6324, 22.0174)
    assert service.deadlines
    assert set(service.deadlines) == {SIMBAD_SECONDS}


@pytest.mark.parametrize("row", ["", "<TR><TD>M 1</TD><TD></TD><TD></TD></TR>"])
def test_no_row_or_no_position_is_unknown(service: Service, row: str) -> None:
    service.answer = TABLE.replace(ROW, row)
    with pytest.raises(UnknownSource, match="no position for 'M 1'"):
        simbad_position("M 1")


@pytest.mark.parametrize(
    "answer",
    [
        TABLE.replace('name="ra"', 'name="alpha"'),
        TABLE.replace('"double" unit="deg"', '"char" arraysize="*"').replace("83.6324", "05 34 31"),
    ],
)
def test_an_answer_in_other_columns_or_units_is_told(service: Service, answer: str) -> None:
    service.answer = answer
    with pytest.raises(ArchiveUnavailable, match="without ra and dec in degrees: try again"):
        simbad_position("M 1")


@pytest.mark.parametrize("answer", [PAGE, "", TABLE[:400], "<VOTABLE/>"])
def test_an_answer_that_cannot_be_read_is_told(service: Service, answer: str) -> None:
    service.answer = answer
    with pytest.raises(ArchiveUnavailable, match="cannot be read: try again"):
        simbad_position("M 1")


@pytest.mark.parametrize("capabilities", [PAGE, "", CAPABILITIES[:300]])
def test_a_page_in_place_of_its_capabilities_is_told(service: Service, capabilities: str) -> None:
    service.capabilities = capabilities
    with pytest.raises(ArchiveUnavailable, match="try again later"):
        simbad_position("M 1")


def test_a_body_shorter_than_announced_is_told(service: Service) -> None:
    service.answer, service.length = TABLE[:400], len(TABLE)
    with pytest.raises(ArchiveUnavailable, match="try again later"):
        simbad_position("M 1")


@pytest.mark.parametrize("status", [403, 500, 503])
def test_a_status_that_is_an_error_is_told(service: Service, status: int) -> None:
    service.answer, service.status = PAGE, status
    with pytest.raises(ArchiveUnavailable, match="Simbad cannot be reached"):
        simbad_position("M 1")


def test_a_redirect_without_end_is_told(service: Service) -> None:
    service.status, service.location = 302, "https://simbad.cds.unistra.fr/simbad/sim-tap/sync"
    with pytest.raises(ArchiveUnavailable, match="Simbad cannot be reached"):
        simbad_position("M 1")


@pytest.mark.parametrize(
    "error",
    [
        requests.exceptions.SSLError("certificate verify failed"),
        requests.exceptions.ReadTimeout("slow"),
        requests.exceptions.ConnectionError("refused"),
        requests.exceptions.ChunkedEncodingError("cut"),
    ],
)
def test_a_connection_that_fails_is_told(service: Service, error: Exception) -> None:
    service.error = error
    with pytest.raises(ArchiveUnavailable, match="Simbad cannot be reached"):
        simbad_position("M 1")

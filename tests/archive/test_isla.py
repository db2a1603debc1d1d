"""ISLA is asked as astroquery asks it, and whatever it does instead of answering is a sentence."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import httpx
import pytest

from dashboard.archive.isla import LARGEST, MOST_A_LIST, Isla, isla_of
from dashboard.archive.ready_made import ReadyEpoch
from dashboard.errors import ArchiveError, ArchiveUnavailable, DashboardError, RequestError, SettingsError, UnknownSource
from dashboard.hosts import ISLA_URL, known_hosts, read_hosts
from tests.archive.fake_isla import CRAB, EPOCHS, SOURCE_ID, URL, FakeIsla, light_curve, spectrum_files, standing, tarred, zipped
from tests.archive.fake_tap import refusal, votable
from tests.dispatcher.replay import Reply, serving

HTML = "<!doctype html><html><title>Maintenance</title><body>We are down.</body></html>"
ISGRI = ReadyEpoch("isgri", "1", EPOCHS[2], (("28_40", "11"),))
Breaker = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.fetching.time.sleep", lambda seconds: None)


def asking(isla: FakeIsla) -> Isla:
    return Isla(URL, isla.client)


def broken(what: str, answer: Breaker) -> Isla:
    return asking(FakeIsla(broken={what: answer}))


def test_what_there_is_of_a_source() -> None:
    offer = asking(FakeIsla()).offer("Crab", *CRAB)
    assert (offer.source.name, offer.source.source_id, offer.address) == ("Crab", SOURCE_ID, URL)
    assert offer.source.apart_arcmin < 0.01
    assert offer.instruments == ("isgri", "jemx"), "SPI is none of ours"
    assert [epoch.epoch for epoch in offer.of("isgri")] == list(EPOCHS)
    assert [epoch.revolution for epoch in offer.of("isgri")] == [44, 239, 665]
    assert offer.of("isgri")[0].bands == (("28_40", "11"),)


def test_an_epoch_may_name_its_instrument_a_band_or_both() -> None:
    isla = FakeIsla(epochs=[("0100_1", None, 12), ("0100_1", None, 11), ("0101_1", 1, None), ("0102_1", 2, 21), ("0103_1", None, 99)])
    offer = asking(isla).offer("Crab", *CRAB)
    both = (("28_40", "11"), ("40_100", "12"))
    assert [(epoch.instrument, epoch.epoch, epoch.bands) for epoch in offer.epochs] == [
        ("isgri", "0100_1", both),
        ("isgri", "0101_1", both),
        ("jemx", "0102_1", (("03_20", "21"),)),
    ]


def test_of_several_sources_the_one_of_that_name_else_the_nearest_and_the_others_are_told() -> None:
    near = {"name": "IGR nearby", "ra": CRAB[0], "dec": CRAB[1] + 0.01, "source_id": "J2"}
    crab = {"name": "Crab", "ra": CRAB[0], "dec": CRAB[1] + 0.02, "source_id": SOURCE_ID}
    far = {"name": "far", "ra": CRAB[0], "dec": CRAB[1] + 0.06, "source_id": "J3"}
    isla = asking(FakeIsla(sources=[near, crab, far]))
    named, placed = isla.offer("crab", *CRAB).source, isla.offer("", *CRAB).source
    assert (named.name, named.others) == ("Crab", ("IGR nearby",))
    assert (placed.name, placed.others) == ("IGR nearby", ("Crab",))
    assert named.apart_arcmin == pytest.approx(1.2, abs=0.01)


def test_a_source_it_does_not_know_is_a_sentence() -> None:
    with pytest.raises(UnknownSource, match=r"no source within 3' of 10\.0000, -5\.0000"):
        asking(FakeIsla()).offer("HD 1", 10.0, -5.0)


def test_a_source_without_products_is_an_answer() -> None:
    isla = FakeIsla(epochs=[])
    assert asking(isla).offer("Crab", *CRAB).epochs == ()
    assert isla.asked == ["sources", "instruments", "epochs"]


def test_products_of_an_epoch() -> None:
    isla = asking(FakeIsla())
    (curve,) = isla.light_curves(SOURCE_ID, ISGRI)
    assert (curve.instrument, curve.band, curve.file) == ("isgri", (28.0, 40.0), "Crab_ISGRI_allmission_timeseries.fits")
    one, two = isla.light_curves(SOURCE_ID, replace(ISGRI, instrument="jemx", instrument_oid="2"))
    assert (one.instrument, two.instrument) == ("jemx1", "jemx2")
    (spectrum,) = isla.spectra(SOURCE_ID, ISGRI)
    assert spectrum.spectrum.source == "Crab"
    (mosaic,) = isla.mosaics(ISGRI, "11")
    assert (mosaic.file, mosaic.url) == ("ISGRI_0665_28_40_mosaic.tar", f"{URL}/data?RETRIEVAL_TYPE=mosaics&mosaic_oid=5")


def test_a_mosaic_is_not_downloaded_to_be_listed() -> None:
    isla = FakeIsla()
    asking(isla).mosaics(ISGRI, "11")
    assert isla.asked == ["mosaics"]


def test_nothing_in_an_epoch_is_an_answer() -> None:
    isla = asking(FakeIsla(spectra=[], mosaics=[]))
    assert (isla.spectra(SOURCE_ID, ISGRI), isla.mosaics(ISGRI, "11")) == ((), ())


def everything(isla: Isla) -> None:
    isla.offer("Crab", *CRAB)
    isla.light_curves(SOURCE_ID, ISGRI)
    isla.spectra(SOURCE_ID, ISGRI)
    isla.mosaics(ISGRI, "11")


EACH = ("sources", "instruments", "epochs", "long_timeseries", "spectra", "spectras", "mosaics")


@pytest.mark.parametrize("what", EACH)
def test_a_page_instead_of_an_answer_is_a_sentence(what: str) -> None:
    with pytest.raises(ArchiveUnavailable, match=rf"ESA's ISLA \({URL}[/tap]*\) sent an answer that .*: try again later"):
        everything(broken(what, lambda _: httpx.Response(200, text=HTML)))


@pytest.mark.parametrize("what", EACH)
@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_status_is_told(what: str, status: int) -> None:
    with pytest.raises(ArchiveUnavailable, match=f"HTTP status {status}"):
        everything(broken(what, lambda _: httpx.Response(status, text=HTML)))


@pytest.mark.parametrize("what", EACH)
def test_a_refusal_carries_its_words(what: str) -> None:
    answer = refusal("No such thing") if what in EACH[:3] else httpx.Response(400, text="<b>No such thing</b>")
    with pytest.raises(ArchiveError, match=r"refused the question: No such thing\.") as caught:
        everything(broken(what, lambda _: answer))
    assert not isinstance(caught.value, ArchiveUnavailable)


@pytest.mark.parametrize("what", EACH)
@pytest.mark.parametrize(
    ("error", "told"),
    [
        (httpx.ConnectError("CERTIFICATE_VERIFY_FAILED"), "cannot be reached"),
        (httpx.ReadTimeout("slow"), "did not answer within 50 s"),
        (httpx.RemoteProtocolError("peer closed connection without sending complete message body"), "cannot be reached"),
    ],
    ids=["TLS", "slow", "cut"],
)
def test_a_lost_answer_is_told(what: str, error: httpx.TransportError, told: str) -> None:
    def lose(_: httpx.Request) -> httpx.Response:
        if isinstance(error, httpx.ConnectError):
            raise error from ssl.SSLCertVerificationError("self-signed certificate")
        raise error

    with pytest.raises(ArchiveUnavailable, match=told):
        everything(broken(what, lose))


def test_a_redirect_is_followed_and_a_ring_of_them_is_not() -> None:
    content = zipped({"a.fits": light_curve()})

    def moved(request: httpx.Request) -> httpx.Response:
        if request.url.host == "new.example":
            return httpx.Response(200, content=content)
        return httpx.Response(302, headers={"Location": str(request.url.copy_with(host="new.example"))})

    assert len(broken("long_timeseries", moved).light_curves(SOURCE_ID, ISGRI)) == 1
    with pytest.raises(ArchiveUnavailable, match="cannot be reached"):
        broken("long_timeseries", lambda r: httpx.Response(302, headers={"Location": str(r.url)})).light_curves(SOURCE_ID, ISGRI)


@pytest.mark.parametrize(("hang", "told"), [(False, "cannot be reached"), (True, "did not answer within 1 s")])
def test_a_body_shorter_than_its_length_is_no_answer(hang: bool, told: str) -> None:
    reply = Reply(zipped({"a.fits": light_curve()}), cut=300, hang=hang)
    with serving([reply]) as server, pytest.raises(ArchiveUnavailable, match=told):
        Isla(f"{server.url}/tap", seconds=1.0).light_curves(SOURCE_ID, ISGRI)


@pytest.mark.parametrize("what", ["long_timeseries", "spectras", "mosaics"])
def test_an_answer_is_not_read_beyond_its_bound(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("dashboard.archive.isla.LARGEST", 100_000)
    with pytest.raises(ArchiveUnavailable, match=r"is larger than 0\.1 MB"):
        everything(broken(what, lambda _: httpx.Response(200, content=bytes(200_000))))
    assert LARGEST > 20_000_000, "a list of mosaics takes so much"


CHANGED = [
    ("sources", votable({"name": str, "ra": float, "dec": float}, [("Crab", 1.0, 2.0)]), "lacks the columns source_id"),
    ("sources", votable({"name": str, "ra": float, "dec": float, "source_id": str}, [("C", None, 2.0, "J")]), "sources without a place"),
    ("instruments", votable({"name": str}, [("ibis",)]), "lacks the columns instrument, band, instrument_oid, band_oid"),
    ("epochs", votable({"revolution": str}, [("0665",)]), "lacks the columns epoch, instrument_oid, band_oid"),
    ("spectra", "{}", "is no list of spectra"),
    ("spectra", "[1]", "is no list of spectra"),
    ("spectra", '[{"oid": 1}]', "lacks spectraOid"),
    ("spectra", "[" + ",".join(["{}"] * (MOST_A_LIST + 1)) + "]", f"lists {MOST_A_LIST + 1} spectra"),
    ("mosaics", '[{"mosaicOid": "5&source=x"}]', "lacks mosaicOid"),
]


@pytest.mark.parametrize(("what", "text", "told"), CHANGED)
def test_a_changed_form_is_a_sentence(what: str, text: str, told: str) -> None:
    with pytest.raises(ArchiveUnavailable, match=told):
        everything(broken(what, lambda _: httpx.Response(200, text=text)))


@pytest.mark.parametrize(
    ("isla", "told"),
    [
        (FakeIsla(light_curves=tarred({"a.reg": b"fk5"})), "holds no FITS file"),
        (FakeIsla(light_curves=b"SIMPLE  = x"), "cannot be read as FITS"),
        (FakeIsla(light_curves=tarred(spectrum_files())), "no table with TIME, RATE and ERROR"),
        (FakeIsla(spectrum=tarred({"a_spe.fits": light_curve()})), "holds no spectrum"),
    ],
)
def test_files_of_another_form_are_a_sentence(isla: FakeIsla, told: str) -> None:
    with pytest.raises(ArchiveUnavailable, match=told):
        everything(asking(isla))


def test_a_quote_in_an_identity_stays_in_it() -> None:
    isla = FakeIsla(sources=[{"name": "x", "ra": CRAB[0], "dec": CRAB[1], "source_id": "a' OR '1'='1"}])
    seen: list[str] = []

    def epochs(request: httpx.Request) -> httpx.Response:
        seen.append(dict(request.url.params)["QUERY"])
        return httpx.Response(200, text=votable({"epoch": str, "instrument_oid": int, "band_oid": int}, []))

    isla.broken["epochs"] = epochs
    asking(isla).offer("x", *CRAB)
    assert seen[0].endswith("source_id = 'a'' OR ''1''=''1'")


def test_the_real_sky_is_never_asked_for_a_simulated_one() -> None:
    production = known_hosts()["production"]
    assert isla_of(production) is not None
    with pytest.raises(RequestError, match="its sky is simulated"):
        isla_of(replace(production, name="simulated"))
    with pytest.raises(RequestError, match="asks no other archives"):
        isla_of(replace(production, other_archives=False))


def test_a_deployment_may_name_a_mirror(tmp_path: Path) -> None:
    assert known_hosts()["production"].isla_url == ISLA_URL
    (tmp_path / "hosts.toml").write_text('[production]\nisla_url = "https://mirror.example/tap/"\n')
    assert read_hosts(tmp_path / "hosts.toml")["production"].isla_url == "https://mirror.example/tap"
    (tmp_path / "hosts.toml").write_text('[production]\nisla_url = "http://mirror.example/tap"\n')
    with pytest.raises(SettingsError, match="isla_url is not encrypted"):
        read_hosts(tmp_path / "hosts.toml")


def test_it_works_over_a_wire() -> None:
    with standing(FakeIsla()) as url:
        isla = Isla(url)
        assert isla.offer("Crab", *CRAB).source.name == "Crab"
        everything(isla)


def test_every_error_is_one_of_ours() -> None:
    for what in EACH:
        for content in (b"", bytes(50), b"\x1f\x8bxx", b"PK\x03\x04xx", b"[[[[", b"SIMPLE  =" + b" " * 5000):
            with pytest.raises(DashboardError):
                everything(broken(what, partial(passed, httpx.Response(200, content=content))))


def passed(answer: httpx.Response, _: httpx.Request) -> httpx.Response:
    return answer

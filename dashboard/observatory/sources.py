"""The sky of the observatory, source by source.

Positions are public (J2000). Levels, spectra and variability are the truth of the simulation, chosen to resemble the
sources: they are no measurements.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dashboard.observatory import spectra
from dashboard.observatory.bursts import Bursts
from dashboard.observatory.calibration import OSA11
from dashboard.observatory.spectra import CRAB, Bremsstrahlung, PowerLaw, Pulsar, Spectrum
from dashboard.observatory.variability import Flares, Form, Outburst, Product, Pulse, Sum, Wave, Window, constant


@dataclass(frozen=True)
class Source:
    """One point source.

    Attributes
    ----------
    ra, dec
        Degrees, J2000.
    mcrab
        Level in 20-40 keV where the variability factor is 1, in thousandths of the Crab.
    catalogued
        False: the observatory's reference catalogue and resolver do not know it.
    aliases
        Other names the resolver takes.
    pulse, bursts
        Seen in light curves alone; None for most.
    """

    name: str
    ra: float
    dec: float
    mcrab: float
    spectrum: Spectrum
    factor: Form = constant
    catalogued: bool = True
    aliases: tuple[str, ...] = ()
    pulse: Pulse | None = None
    bursts: Bursts | None = None

    @property
    def flag(self) -> int:
        """ISGRI_FLAG of the catalogue: 2 for bright sources, 1 for others, 0 when uncatalogued."""
        return 0 if not self.catalogued else 2 if self.mcrab >= 100.0 else 1

    def rate(self, e1: float, e2: float, time: NDArray[np.float64], osa_version: str = OSA11) -> NDArray[np.float64]:
        """ISGRI rate on axis in cts/s, (n,) for times (n,) in IJD."""
        return spectra.rate(self.spectrum, self.mcrab, e1, e2, osa_version) * self.factor(time)


def _flaring(name: str, sigma: float, longest: float = 64.0, *others: Form) -> Form:
    return Product((Flares(name, sigma, longest), *others)) if others else Flares(name, sigma, longest)


_V404_FLARES = tuple(
    Outburst(at, peak, 0.03, 0.06)
    for at, peak in (
        *((57191.0, 8.0), (57191.8, 7.0), (57192.6, 12.0), (57193.3, 18.0), (57193.7, 22.0), (57194.11, 34.0)),
        *((57194.31, 42.0), (57195.0, 15.0), (57195.43, 44.0), (57197.2, 20.0), (57199.1, 11.0)),
    )
)

_H1743_OUTBURSTS = ((52740.0, 2.0), (53210.0, 1.0), (54500.0, 0.8), (54980.0, 1.2), (55420.0, 0.7))

SOURCES: tuple[Source, ...] = (
    Source("Crab", 83.6332, 22.0145, 1000.0, CRAB, Wave(1600.0, 54000.0, 0.03), aliases=("Crab nebula", "NGC 1952", "M 1", "Tau X-1")),
    Source(
        *("Cyg X-1", 299.5903, 35.2016, 1000.0, PowerLaw(1.61, 135.0)),
        _flaring("Cyg X-1", 0.3, 200.0, Wave(5.5998, 50234.79, 0.05), Sum(1.0, (Outburst(54003.0, 0.9, 0.4, 0.6),))),
        aliases=("HDE 226868",),
    ),
    Source("Cyg X-3", 308.1074, 40.9578, 180.0, PowerLaw(3.0), _flaring("Cyg X-3", 0.3, 64.0, Wave(0.19969, 53000.0, 0.4))),
    Source(
        *("GRS 1915+105", 288.7982, 10.9456, 300.0, PowerLaw(3.0, 100.0)),
        _flaring("GRS 1915+105", 0.4, 128.0, Window(52000.0, 58300.0, outside=0.1)),
    ),
    Source("Sco X-1", 244.9794, -15.6402, 700.0, Bremsstrahlung(6.0, 0.3), _flaring("Sco X-1", 0.25, 4.0, Wave(0.787313, 53000.0, 0.03))),
    Source(
        *("Vela X-1", 135.5286, -40.5547, 200.0, Pulsar(1.3, 17.0, 11.0, 53.0, 0.6, 7.0)),
        _flaring("Vela X-1", 0.5, 1.0, Wave(8.964357, 52974.227, 0.0, 0.095)),
        aliases=("4U 0900-40",),
        pulse=Pulse(283.5, 0.35),
    ),
    Source(
        *("4U 1700-377", 255.9866, -37.8441, 200.0, PowerLaw(2.2, 40.0)),
        _flaring("4U 1700-377", 0.7, 1.0, Wave(3.41161, 52900.0, 0.0, 0.08)),
    ),
    Source(
        *("GX 301-2", 186.6568, -62.7706, 200.0, Pulsar(1.0, 20.0, 9.0, 40.0, 0.5)),
        _flaring("GX 301-2", 0.3, 4.0, Wave(41.498, 53532.0, 0.7)),
        pulse=Pulse(680.0, 0.3),
    ),
    Source(
        "OAO 1657-415",
        255.2037,
        -41.6560,
        80.0,
        Pulsar(1.0, 12.0, 20.0),
        _flaring("OAO 1657-415", 0.4, 4.0, Wave(10.448, 52663.9, 0.0, 0.08)),
        pulse=Pulse(37.0, 0.4),
    ),
    Source(
        *("Her X-1", 254.4576, 35.3424, 100.0, Pulsar(1.0, 18.0, 10.0, 38.0, 0.8)),
        Product((Wave(34.85, 53000.0, 0.9), Wave(1.70017, 53000.0, 0.0, 0.07))),
        pulse=Pulse(1.24, 0.5),
    ),
    Source(
        *("1A 0535+262", 84.7274, 26.3158, 5.0, PowerLaw(0.8, 17.0)),
        Sum(1.0, (Outburst(55176.0, 240.0, 6.0, 12.0), Outburst(55615.0, 280.0, 5.0, 10.0), Outburst(59172.0, 1100.0, 8.0, 15.0))),
        aliases=("1A 0535+26", "A 0535+26"),
        pulse=Pulse(103.3, 0.4),
    ),
    Source(
        *("GX 339-4", 255.7058, -48.7897, 600.0, PowerLaw(1.6, 100.0)),
        Sum(
            0.005,
            tuple(
                Outburst(at, p, 20.0, 40.0)
                for at, p in ((53180.0, 0.6), (54140.0, 1.0), (55290.0, 1.0), (56990.0, 0.7), (58030.0, 0.3), (59270.0, 0.7))
            ),
        ),
    ),
    Source(
        *("V404 Cyg", 306.0159, 33.8673, 1000.0, PowerLaw(1.5, 200.0)),
        Sum(0.0, (*_V404_FLARES, Product((Window(57188.7, 57200.5), Flares("V404 Cyg", 0.8, 0.5))), Outburst(57385.0, 0.006, 3.0, 8.0))),
        aliases=("GS 2023+338", "V404 Cygni"),
    ),
    Source(
        *("IGR J17091-3624", 257.2822, -36.4072, 100.0, PowerLaw(1.8, 150.0)),
        Sum(0.0, (Outburst(55600.0, 1.0, 8.0, 120.0), Outburst(57450.0, 0.9, 10.0, 60.0), Outburst(59660.0, 0.8, 10.0, 80.0))),
    ),
    Source("MAXI J1820+070", 275.0914, 7.1853, 4000.0, PowerLaw(1.6, 90.0), Sum(0.0, (Outburst(58200.0, 1.0, 4.0, 60.0),))),
    Source("Cen A", 201.3651, -43.0191, 50.0, PowerLaw(1.8), _flaring("Cen A", 0.35, 200.0), aliases=("NGC 5128", "Centaurus A")),
    Source("NGC 4151", 182.6357, 39.4058, 30.0, PowerLaw(1.7), _flaring("NGC 4151", 0.3, 200.0)),
    Source("3C 273", 187.2779, 2.0524, 10.0, PowerLaw(1.8), _flaring("3C 273", 0.25, 200.0)),
    Source("4U 0614+091", 94.2804, 9.1369, 26.0, PowerLaw(2.3), _flaring("4U 0614+091", 0.2, 16.0)),
    Source(
        *("1E 1740.7-2942", 265.9785, -29.7452, 35.0, PowerLaw(1.4, 90.0)),
        _flaring("1E 1740.7-2942", 0.3, 64.0, Window(53050.0, 53250.0, 0.05, 1.0)),
    ),
    Source("GX 1+4", 263.0128, -24.7456, 55.0, PowerLaw(1.0, 30.0), _flaring("GX 1+4", 0.5, 64.0)),
    Source("GRS 1758-258", 270.3012, -25.7433, 60.0, PowerLaw(1.7, 150.0), _flaring("GRS 1758-258", 0.2)),
    Source("GX 5-1", 270.2842, -25.0792, 50.0, Bremsstrahlung(6.0, 0.2), _flaring("GX 5-1", 0.1, 8.0)),
    Source("GX 17+2", 274.0058, -14.0364, 60.0, Bremsstrahlung(6.0, 0.3), _flaring("GX 17+2", 0.1, 8.0)),
    Source(
        "H 1820-303",
        275.9186,
        -30.3611,
        40.0,
        Bremsstrahlung(9.0, 0.3),
        _flaring("H 1820-303", 0.2, 16.0),
        aliases=("4U 1820-30", "4U 1820-303"),
    ),
    Source(
        *("Ginga 1826-24", 277.3675, -23.7969, 90.0, PowerLaw(1.7, 60.0)),
        aliases=("GS 1826-238", "GS 1826-24"),
        bursts=Bursts("Ginga 1826-24", 4.1, 0.05, (1.0, 1.2), 2.0, 40.0),
    ),
    Source(
        *("GX 354-0", 262.9892, -33.8347, 45.0, PowerLaw(2.0, 40.0), _flaring("GX 354-0", 0.3, 32.0)),
        aliases=("4U 1728-34",),
        bursts=Bursts("GX 354-0", 3.0, 0.9, (1.2, 2.0), 1.0, 10.0),
    ),
    Source(
        *("IGR J17464-3213", 266.5650, -32.2336, 150.0, PowerLaw(1.6, 80.0)),
        Sum(0.0, tuple(Outburst(at, p, 8.0, 25.0) for at, p in _H1743_OUTBURSTS)),
        aliases=("H 1743-322",),
    ),
    Source("1A 1742-294", 266.5229, -29.5153, 13.0, PowerLaw(2.4, 40.0), _flaring("1A 1742-294", 0.2)),
    Source("IGR J17456-2901", 266.4168, -29.0078, 5.0, PowerLaw(3.0), aliases=("Sgr A*", "Galactic centre", "Galactic center", "Sgr A")),
    Source("GX 3+1", 266.9833, -26.5636, 12.0, Bremsstrahlung(6.0, 0.2), _flaring("GX 3+1", 0.2)),
    Source("GX 349+2", 256.4354, -36.4231, 45.0, Bremsstrahlung(6.0, 0.1), _flaring("GX 349+2", 0.2, 8.0), aliases=("Sco X-2",)),
    Source("GX 340+0", 251.4488, -45.6111, 35.0, Bremsstrahlung(6.0, 0.1), _flaring("GX 340+0", 0.1, 8.0)),
    Source("4U 1636-536", 250.2313, -53.7514, 15.0, PowerLaw(2.3, 60.0), _flaring("4U 1636-536", 0.3, 32.0)),
    Source("Cyg X-2", 326.1717, 38.3217, 25.0, Bremsstrahlung(6.0, 0.1), _flaring("Cyg X-2", 0.2, 8.0)),
    Source("IGR J18027-2016", 270.6746, -20.2883, 5.0, Pulsar(1.0, 15.0, 12.0), Wave(4.5696, 52931.4, 0.0, 0.1)),
    Source("4U 1722-30", 261.8883, -30.8019, 18.0, PowerLaw(1.9, 60.0), _flaring("4U 1722-30", 0.2)),
    Source("SLX 1735-269", 264.5667, -26.9942, 10.0, PowerLaw(2.1, 60.0), _flaring("SLX 1735-269", 0.2)),
    Source("Cen X-3", 170.3129, -60.6233, 55.0, Pulsar(1.2, 14.0, 8.0), _flaring("Cen X-3", 0.4, 16.0, Wave(2.08706, 50506.8, 0.0, 0.12))),
    Source("4U 1538-522", 235.5971, -52.3861, 17.0, Pulsar(1.2, 14.0, 12.0, 22.0, 0.5), Wave(3.728, 52855.0, 0.0, 0.08)),
    Source("EXO 2030+375", 308.0638, 37.6375, 30.0, PowerLaw(1.5, 30.0), Wave(46.02, 53000.0, 0.8)),
    Source("IC 4329A", 207.3300, -30.3094, 12.0, PowerLaw(1.8, 200.0), _flaring("IC 4329A", 0.2, 200.0)),
    Source("Mrk 421", 166.1138, 38.2089, 8.0, PowerLaw(2.7), _flaring("Mrk 421", 0.6, 32.0)),
    Source("MCG-05-23-16", 146.9171, -30.9489, 9.0, PowerLaw(1.8, 100.0), _flaring("MCG-05-23-16", 0.2, 200.0)),
    Source("PSR B1509-58", 228.4813, -59.1358, 9.0, PowerLaw(2.0)),
    Source("NGC 2110", 88.0475, -7.4561, 12.0, PowerLaw(1.7), _flaring("NGC 2110", 0.3, 200.0)),
    Source("NGC 4388", 186.4450, 12.6619, 12.0, PowerLaw(1.7), _flaring("NGC 4388", 0.3, 200.0)),
    Source("3C 279", 194.0465, -5.7893, 2.0, PowerLaw(1.7), _flaring("3C 279", 0.5, 64.0)),
    Source("Cas A", 350.8500, 58.8150, 4.0, PowerLaw(3.0)),
    Source("4U 0517+17", 77.6896, 16.4986, 4.0, PowerLaw(1.9), _flaring("4U 0517+17", 0.2, 200.0)),
    Source("PKS 0528+134", 82.7351, 13.5320, 1.5, PowerLaw(1.5), _flaring("PKS 0528+134", 0.3, 200.0)),
    Source("IGR J06074+2205", 91.8600, 22.0967, 0.3, PowerLaw(2.0)),
    Source("SIM J0555+238", 88.9000, 23.8000, 2.8, PowerLaw(2.0), catalogued=False),
    Source("SIM J0522+184", 80.6000, 18.4000, 3.3, PowerLaw(1.8), catalogued=False),
    Source("SIM J1751-335", 267.9000, -33.5000, 4.0, PowerLaw(2.1), catalogued=False),
    Source("SIM J2011+362", 302.9000, 36.2000, 3.0, PowerLaw(1.9), catalogued=False),
    Source("SIM J0547+171", 86.9000, 17.1000, 15.0, PowerLaw(2.0, 80.0), Window(54882.0, 54902.0), catalogued=False),
    Source("SIM J1740-316", 265.0000, -31.6000, 25.0, PowerLaw(1.7, 80.0), Window(55256.0, 55291.0), catalogued=False),
)

"""Worked examples: values for the request that show what the dashboard is for."""

from __future__ import annotations

from typing import Any

EXAMPLES: dict[str, dict[str, Any]] = {
    "Crab": {"src_name": "Crab", "T1": "2009-02-15T00:00:00", "T2": "2009-03-30T00:00:00"},
    "Vela X-1": {"src_name": "Vela X-1", "T1": "2008-11-01T00:00:00", "T2": "2008-12-31T00:00:00"},
    "V404 Cyg 2015": {"src_name": "V404 Cyg", "T1": "2015-06-17T00:00:00", "T2": "2015-06-28T00:00:00"},
    "Galactic centre": {"src_name": "Galactic centre", "T1": "2006-02-15T00:00:00", "T2": "2006-03-15T00:00:00"},
    "GX 354-0 bursts": {
        "src_name": "GX 354-0",
        "T1": "2014-10-01T00:00:00",
        "T2": "2014-10-26T00:00:00",
        "instrument": "jemx1",
        "product": "lightcurve",
        "lc_time_bin": 5.0,
    },
}
RESET: dict[str, Any] = {"RA": 0.0, "DEC": 0.0, "zero_position": False, "scw_list": [], "revolutions": [], "observations": [], "bands": []}
"""What an example does without."""

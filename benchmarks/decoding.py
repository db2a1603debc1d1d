"""Decoding a mosaic's answer: this project's way against oda-api's own, CPU seconds in one process.

The answer is the one of a 1000 x 1000 ISGRI mosaic, four float32 images, 21 MB of JSON. Both sides begin with the
bytes received and end with arrays and headers; oda-api's side is what its `get_product` does between the two.

    python -m benchmarks.decoding
"""

from __future__ import annotations

import json
import logging
import statistics
import time
from collections.abc import Callable

import numpy as np
import requests
from astropy.io import fits
from oda_api.api import DispatcherAPI
from oda_api.data_products import NumpyDataProduct, NumpyDataUnit

from dashboard.dispatcher.answer import decode_products
from dashboard.dispatcher.client import DispatcherClient
from dashboard.hosts import Host

IMAGES = ("INTENSITY", "VARIANCE", "SIGNIFICANCE", "EXPOSURE")
REPETITIONS = 7
TARGET = 8.0


def synthetic_answer(side: int) -> requests.Response:
    """A finished job's response with a mosaic of noise, encoded by oda-api as a dispatcher does."""
    rng = np.random.default_rng(1)
    hdus: list[fits.PrimaryHDU | fits.ImageHDU] = [fits.PrimaryHDU()]
    for imatype in IMAGES:
        header = fits.Header({"IMATYPE": imatype, "CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "E_MIN": 20.0, "E_MAX": 40.0})
        header.update({f"CARD{number}": number * 0.5 for number in range(60)})
        hdus.append(fits.ImageHDU(rng.normal(size=(side, side)).astype(">f4"), header, name="ISGR-MOSA-IMA"))
    product = NumpyDataProduct([NumpyDataUnit.from_fits_hdu(hdu) for hdu in hdus], name="mosaic_image", meta_data={"product": "mosaic"})
    document = {
        "query_status": "done",
        "products": {"numpy_data_product_list": [product.encode()]},
        "exit_status": {"status": 0, "message": "", "comment": ""},
        "job_monitor": {"job_id": "1", "session_id": "S"},
    }
    response = requests.Response()
    response.status_code, response.encoding = 200, "utf-8"
    response._content = json.dumps(document).encode()
    return response


def cpu_seconds(*tasks: Callable[[], object]) -> list[float]:
    """Median CPU time of each task, the tasks taking turns so that a busy machine slows all of them."""
    times: list[list[float]] = [[] for _ in tasks]
    for _ in range(REPETITIONS):
        for task, spent in zip(tasks, times, strict=True):
            started = time.process_time()
            task()
            spent.append(time.process_time() - started)
    return [statistics.median(spent) for spent in times]


def main() -> None:
    logging.disable(logging.CRITICAL)
    response = synthetic_answer(1000)
    theirs = DispatcherAPI(url="http://localhost", token="")
    ours = DispatcherClient(Host("benchmark", "http://localhost"), {"instrument": "isgri"})

    def oda_api() -> list[NumpyDataProduct]:
        return [NumpyDataProduct.decode(product) for product in theirs._decode_res_json(response)["products"]["numpy_data_product_list"]]

    def here() -> tuple[object, ...]:
        return decode_products(ours._decode_res_json(response))

    reference = oda_api()[0].data_unit
    for hdu, unit in zip(decode_products(ours._decode_res_json(response))[0].hdulist, reference, strict=True):
        assert hdu.data is unit.data is None or np.array_equal(hdu.data, unit.data)
    slow, fast = cpu_seconds(oda_api, here)
    size, ratio = len(response.content) / 1e6, slow / fast
    print(f"answer of {size:.1f} MB, CPU: oda-api {slow:.3f} s, here {fast:.3f} s, ratio {ratio:.1f}, wanted {TARGET:g}")
    if ratio < TARGET:
        raise SystemExit("decoding is slower than wanted")


if __name__ == "__main__":
    main()

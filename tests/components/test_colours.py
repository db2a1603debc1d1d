from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from components.elements.colours import BACKGROUND, COLOURS

Colours = NDArray[np.float64]
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])
BLIND = {  # Machado, Oliveira & Fernandes 2009, severity 1
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


def linear(colours: tuple[str, ...]) -> Colours:
    rgb = np.array([[int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)] for colour in colours])
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: Colours) -> Colours:
    """CIE L*a*b* of linear sRGB, white D65."""
    xyz = np.clip(rgb, 0, 1) @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    f = np.where(xyz > (6 / 29) ** 3, np.cbrt(xyz), xyz / (3 * (6 / 29) ** 2) + 4 / 29)
    return np.stack([116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)


def test_lightness_of_known_colours() -> None:
    np.testing.assert_allclose(lab(linear(("#000000", "#ffffff", "#ff0000")))[:, 0], [0, 100, 53.24], atol=0.05)


@pytest.mark.parametrize("name", COLOURS)
def test_lightness_follows_the_index(name: str) -> None:
    assert len(COLOURS[name]) == 256
    assert COLOURS[name][0] == BACKGROUND
    lightness = lab(linear(COLOURS[name][1:]))[:, 0]
    if name == "diverging":
        assert abs(int(lightness.argmin()) + 1 - 128) <= 1
        np.testing.assert_allclose(lightness, lightness[::-1], atol=1.5)
        lightness = lightness[127:]
    assert np.ptp(lightness) > 45
    assert np.diff(lightness).min() > -0.5, "monotonic within the rounding of 8 bits"
    assert (lightness[20:] - lightness[:-20]).min() > 0.5 * np.ptp(lightness) * 20 / len(lightness), "steps are about equal"


@pytest.mark.parametrize("sight", BLIND)
def test_the_sign_is_seen_whatever_the_eye(sight: str) -> None:
    seen = lab(linear(COLOURS["diverging"][1:]) @ np.array(BLIND[sight]).T)
    apart = np.linalg.norm(seen - seen[::-1], axis=1)
    assert apart[:87].min() > 10, "from a third of the way to either end"

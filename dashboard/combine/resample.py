"""Kernels that add a map to running sums.

A coded-mask map gives in each pixel the flux a source there would have; it is no surface brightness. So it is interpolated
and never scaled by pixel areas (Renaud et al. 2006, A&A 456, 389). Flux goes through an interpolating cubic B-spline
(Unser 1999, IEEE Signal Proc. Mag. 16, 22); variance and exposure are smooth and taken from the nearest pixel, which
also decides whether a grid pixel is covered at all: a hole in the map neither grows nor spreads.

All kernels run on one thread and release the GIL. They compile on first use, or in `warm`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from dashboard.combine.alignment import STEP

PAD = 3
"""Pixels around the coefficients, so that the 4 x 4 taps of a pixel on the rim exist."""
_POLE = math.sqrt(3.0) - 2.0
_MATHS = {"contract", "nsz", "arcp"}
"""Liberties for the compiler; NaN and infinity keep their meaning."""


@njit(nogil=True, cache=True, fastmath=_MATHS)
def add_lattice(flux, variance, exposure, dy, dx, weights, fluxes, squares, exposures, numbers):  # type: ignore[no-untyped-def]
    """Add a map whose pixel (y, x) is the sums' (y + dy, x + dx); returns the number of pixels added."""
    ny, nx = flux.shape
    height, width = weights.shape
    first, last = max(0, -dx), min(nx, width - dx)
    used = 0
    for y in range(max(0, -dy), min(ny, height - dy)):
        row = y + dy
        for x in range(first, last):
            v, f, t = np.float64(variance[y, x]), np.float64(flux[y, x]), np.float64(exposure[y, x])
            valid = v > 0.0 and v < np.inf and abs(f) < np.inf
            w = 1.0 / v if valid else 0.0
            f, t = (f, t) if valid else (0.0, 0.0)
            weights[row, x + dx] += w
            fluxes[row, x + dx] += w * f
            squares[row, x + dx] += w * f * f
            exposures[row, x + dx] += t
            numbers[row, x + dx] += np.int32(valid)
            used += int(valid)
    return used


@njit(nogil=True, cache=True, fastmath=_MATHS)
def inverse_variance(flux, variance):  # type: ignore[no-untyped-def]
    """1 / variance, 0 where the map is invalid, and the number of valid pixels."""
    weight = np.zeros_like(variance)
    count = 0
    for y in range(flux.shape[0]):
        for x in range(flux.shape[1]):
            v = variance[y, x]
            valid = v > 0 and v < np.inf and abs(flux[y, x]) < np.inf
            weight[y, x] = 1 / v if valid else 0
            count += int(valid)
    return weight, count


@njit(nogil=True, cache=True, fastmath=_MATHS)
def spline_coefficients(flux, weight):  # type: ignore[no-untyped-def]
    """Coefficients of the cubic B-spline through a map, float32, PAD pixels wider on each side.

    An invalid pixel takes the mean of its valid neighbours, or 0: the rim stays as it is and nothing infinite enters.
    """
    ny, nx = flux.shape
    c = np.zeros((ny + 2 * PAD, nx + 2 * PAD), np.float32)
    for y in range(-1, ny + 1):
        for x in range(-1, nx + 1):
            if 0 <= y < ny and 0 <= x < nx and weight[y, x] > 0:
                c[y + PAD, x + PAD] = flux[y, x]
                continue
            total, count = 0.0, 0
            for j in range(max(y - 1, 0), min(y + 2, ny)):
                for i in range(max(x - 1, 0), min(x + 2, nx)):
                    if weight[j, i] > 0:
                        total += flux[j, i]
                        count += 1
            if count:
                c[y + PAD, x + PAD] = total / count
    pole, end = np.float32(_POLE), np.float32(_POLE / (_POLE * _POLE - 1))
    height, width = c.shape
    for y in range(1, height):
        for x in range(width):
            c[y, x] += pole * c[y - 1, x]
    for x in range(width):
        c[height - 1, x] *= end
    for y in range(height - 2, -1, -1):
        for x in range(width):
            c[y, x] = pole * (c[y + 1, x] - c[y, x])
    for y in range(height):
        for x in range(1, width):
            c[y, x] += pole * c[y, x - 1]
        c[y, width - 1] *= end
        for x in range(width - 2, -1, -1):
            c[y, x] = pole * (c[y, x + 1] - c[y, x])
    return c


@njit(nogil=True, cache=True, fastmath=_MATHS)
def row_polynomials(nodes, row, cubics):  # type: ignore[no-untyped-def]
    """Fill `cubics` (cells, 4): the coordinate along a grid row in each cell, as a cubic in the pixel from the cell's start.

    Lagrange's cubic through the four nearest nodes, first down the columns, then along the row.
    """
    cell = row // STEP
    t = (row - cell * STEP) / STEP
    a, b, c, d = -t * (t - 1) * (t - 2) / 6, (t + 1) * (t - 1) * (t - 2) / 2, -(t + 1) * t * (t - 2) / 2, (t + 1) * t * (t - 1) / 6
    h = 1.0 / STEP
    for j in range(cubics.shape[0]):
        p = a * nodes[cell, j] + b * nodes[cell + 1, j] + c * nodes[cell + 2, j] + d * nodes[cell + 3, j]
        q = a * nodes[cell, j + 1] + b * nodes[cell + 1, j + 1] + c * nodes[cell + 2, j + 1] + d * nodes[cell + 3, j + 1]
        r = a * nodes[cell, j + 2] + b * nodes[cell + 1, j + 2] + c * nodes[cell + 2, j + 2] + d * nodes[cell + 3, j + 2]
        s = a * nodes[cell, j + 3] + b * nodes[cell + 1, j + 3] + c * nodes[cell + 2, j + 3] + d * nodes[cell + 3, j + 3]
        cubics[j, 0] = q
        cubics[j, 1] = (r - p / 3 - q / 2 - s / 6) * h
        cubics[j, 2] = ((p + r) / 2 - q) * h * h
        cubics[j, 3] = ((s - p) / 6 + (q - r) / 2) * h * h * h


@njit(nogil=True, cache=True, fastmath=_MATHS)
def grid_positions(x_nodes, y_nodes, shape):  # type: ignore[no-untyped-def]
    """(ny, nx) map coordinates of all pixels of a grid: what `add_spline` uses, for inspection."""
    x, y = np.empty(shape), np.empty(shape)
    in_x, in_y = np.empty((x_nodes.shape[1] - 3, 4)), np.empty((x_nodes.shape[1] - 3, 4))
    for row in range(shape[0]):
        row_polynomials(x_nodes, row, in_x)
        row_polynomials(y_nodes, row, in_y)
        for column in range(shape[1]):
            p, q, t = in_x[column // STEP], in_y[column // STEP], np.float64(column % STEP)
            x[row, column] = p[0] + t * (p[1] + t * (p[2] + t * p[3]))
            y[row, column] = q[0] + t * (q[1] + t * (q[2] + t * q[3]))
    return x, y


@njit(nogil=True, cache=True, fastmath=_MATHS)
def add_spline(x_nodes, y_nodes, touched, c, weight, exposure, weights, fluxes, squares, exposures, numbers):  # type: ignore[no-untyped-def]
    """Add a map at the places its nodes say; returns the number of grid pixels that received something."""
    height, width = weights.shape
    ny, nx = weight.shape
    in_x, in_y = np.empty((touched.shape[1], 4)), np.empty((touched.shape[1], 4))
    used = 0
    for row in range(height):
        if not touched[row // STEP].any():
            continue
        row_polynomials(x_nodes, row, in_x)
        row_polynomials(y_nodes, row, in_y)
        for j in range(touched.shape[1]):
            if not touched[row // STEP, j]:
                continue
            p0, p1, p2, p3 = in_x[j]
            q0, q1, q2, q3 = in_y[j]
            for k in range(min(STEP, width - j * STEP)):
                x = p0 + k * (p1 + k * (p2 + k * p3)) + 0.5
                y = q0 + k * (q1 + k * (q2 + k * q3)) + 0.5
                if not (x >= 0 and y >= 0 and x < nx and y < ny):
                    continue
                i_near, l_near = int(x), int(y)
                w = np.float64(weight[l_near, i_near])
                if w == 0:
                    continue
                i0, l0 = int(x + 0.5) - 1, int(y + 0.5) - 1
                s, t = np.float32(x - 0.5 - i0), np.float32(y - 0.5 - l0)
                f = np.float64(_spline(c, l0 + PAD - 1, i0 + PAD - 1, s, t))
                column = j * STEP + k
                weights[row, column] += w
                fluxes[row, column] += w * f
                squares[row, column] += w * f * f
                exposures[row, column] += exposure[l_near, i_near]
                numbers[row, column] += 1
                used += 1
    return used


@njit(nogil=True, inline="always", fastmath=_MATHS)
def _spline(c, y, x, s, t):  # type: ignore[no-untyped-def]
    """Value of the spline between the taps (y + 1, x + 1) and (y + 2, x + 2), at fractions (t, s)."""
    one, two, six = np.float32(1), np.float32(2), np.float32(6)
    s1, t1 = one - s, one - t
    a0, a3, a1 = s1 * s1 * s1, s * s * s, np.float32(4) - np.float32(3) * s * s * (two - s)
    b0, b3, b1 = t1 * t1 * t1, t * t * t, np.float32(4) - np.float32(3) * t * t * (two - t)
    a2, b2 = six - a0 - a1 - a3, six - b0 - b1 - b3
    return (
        b0 * (a0 * c[y, x] + a1 * c[y, x + 1] + a2 * c[y, x + 2] + a3 * c[y, x + 3])
        + b1 * (a0 * c[y + 1, x] + a1 * c[y + 1, x + 1] + a2 * c[y + 1, x + 2] + a3 * c[y + 1, x + 3])
        + b2 * (a0 * c[y + 2, x] + a1 * c[y + 2, x + 1] + a2 * c[y + 2, x + 2] + a3 * c[y + 2, x + 3])
        + b3 * (a0 * c[y + 3, x] + a1 * c[y + 3, x + 1] + a2 * c[y + 3, x + 2] + a3 * c[y + 3, x + 3])
    )


def warm() -> None:
    """Compile all kernels for float32 and float64 maps on tiny arrays."""
    ramp = np.mgrid[:4, :4] * float(STEP)
    for kind in (np.float32, np.float64):
        ones = np.ones((4, 4), dtype=kind)
        sums = (*(np.zeros((4, 4)) for _ in range(4)), np.zeros((4, 4), dtype=np.int32))
        weight, _ = inverse_variance(ones, ones)
        add_lattice(ones, ones, ones, 0, 0, *sums)
        add_spline(ramp[1], ramp[0], np.ones((1, 1), dtype=bool), spline_coefficients(ones, weight), weight, ones, *sums)

"""Kernels that add a map to running sums.

A coded-mask map gives in each pixel the flux a source there would have; it is no surface brightness. So it is interpolated
and never scaled by pixel areas (Renaud et al. 2006, A&A 456, 389). What goes through the interpolating cubic B-spline
(Unser 1999, IEEE Signal Proc. Mag. 16, 22) is flux over error, whose noise is the same everywhere: at the rim of the
field the errors grow by orders of magnitude within a few pixels, and a spline through the flux itself would carry the
noise of the worst pixel into its better neighbours. The error is smooth and interpolated linearly, except in JEM-X's maps,
where a bright source's own counts raise it within a PSF and would take 4 % of its flux: there the flux is taken over an error
without such peaks, and the logarithm of the peaks goes through a spline of its own. Exposure comes from the nearest pixel,
which also decides whether a grid pixel is covered at all: a hole in the map neither grows nor spreads.

All kernels run on one thread and release the GIL. They compile on first use, or in `warm`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

STEP = 16
"""Grid pixels between the nodes where positions are converted. It is compiled in, and stands in this file because numba
compiles anew only when the kernel's own file changes."""
PAD = 3
"""Pixels around the coefficients, so that the 4 x 4 taps of a pixel on the rim exist."""
_POLE = math.sqrt(3.0) - 2.0
_MATHS = {"contract", "nsz", "arcp"}
"""Liberties for the compiler; NaN and infinity keep their meaning."""


@njit(nogil=True, cache=True, fastmath=_MATHS)
def add_lattice(flux, variance, exposure, dy, dx, weights, fluxes, squares, exposures, numbers):  # type: ignore[no-untyped-def]
    """Add a map whose pixel (y, x) is the sums' (y + dy, x + dx); returns the number of pixels added."""
    (ny, nx), (height, width) = flux.shape, weights.shape
    first, last = max(0, -dx), min(nx, width - dx)
    w, f = np.zeros(max(last - first, 0)), np.zeros(max(last - first, 0))
    used = 0
    # Several short loops over one row: each touches few enough arrays for the compiler to vectorise it.
    for y in range(max(0, -dy), min(ny, height - dy)):
        flux_row, variance_row, exposure_row = flux[y, first:last], variance[y, first:last], exposure[y, first:last]
        row, left, right = y + dy, first + dx, last + dx
        for x in range(w.size):
            value, square = np.float64(flux_row[x]), np.float64(variance_row[x])
            valid = (square > 0.0) & (square < np.inf) & (abs(value) < np.inf)
            w[x] = 1.0 / square if valid else 0.0
            f[x] = value if valid else 0.0
        weights_row, fluxes_row, squares_row = weights[row, left:right], fluxes[row, left:right], squares[row, left:right]
        for x in range(w.size):
            weights_row[x] += w[x]
            fluxes_row[x] += w[x] * f[x]
            squares_row[x] += w[x] * f[x] * f[x]
        exposures_row, numbers_row = exposures[row, left:right], numbers[row, left:right]
        for x in range(w.size):
            exposures_row[x] += np.float64(exposure_row[x]) if (w[x] > 0.0) & (exposure_row[x] > 0) else 0.0
        for x in range(w.size):
            one = np.int32(w[x] > 0.0)
            numbers_row[x] += one
            used += int(one)
    return used


@njit(nogil=True, cache=True, fastmath=_MATHS)
def whitened(flux, variance):  # type: ignore[no-untyped-def]
    """Flux over error and, one pixel wider on each side, 1 / error, both 0 where invalid; and the number of valid pixels."""
    ny, nx = flux.shape
    white, root = np.zeros((ny, nx), np.float32), np.zeros((ny + 2, nx + 2), np.float32)
    count, one = 0, np.float32(1)
    for y in range(ny):
        flux_row, variance_row, white_row, root_row = flux[y], variance[y], white[y], root[y + 1, 1:-1]
        for x in range(nx):
            f, v = np.float32(flux_row[x]), np.float32(variance_row[x])
            valid = (v > 0) & (v < np.inf) & (abs(f) < np.inf)
            r = one / np.sqrt(v if valid else one)
            root_row[x] = r if valid else 0
            white_row[x] = f * r if valid else 0
        for x in range(nx):
            count += int(root_row[x] > 0)
    return white, root, count


@njit(nogil=True, cache=True, fastmath=_MATHS)
def filled(white, root):  # type: ignore[no-untyped-def]
    """The map as float32, PAD pixels wider on each side; an invalid pixel is the mean of its valid neighbours, or 0."""
    ny, nx = white.shape
    known, seen = np.zeros((ny + 2 * PAD, nx + 2 * PAD), np.float32), np.zeros((ny + 2 * PAD, nx + 2 * PAD), np.float32)
    for y in range(ny):
        known_row, seen_row = known[y + PAD, PAD:-PAD], seen[y + PAD, PAD:-PAD]
        for x in range(nx):
            valid = root[y + 1, x + 1] > 0
            known_row[x] = white[y, x] if valid else 0
            seen_row[x] = 1 if valid else 0
    out = known.copy()
    total, count = np.empty(nx + 2 * PAD, np.float32), np.empty(nx + 2 * PAD, np.float32)
    for y in range(1, ny + 2 * PAD - 1):
        above, here, below = known[y - 1], known[y], known[y + 1]
        seen_above, seen_here, seen_below = seen[y - 1], seen[y], seen[y + 1]
        for x in range(total.size):
            total[x] = above[x] + here[x] + below[x]
            count[x] = seen_above[x] + seen_here[x] + seen_below[x]
        row, middle = out[y, 1:-1], seen_here[1:-1]
        left, centre, right, n_left, n_centre, n_right = total[:-2], total[1:-1], total[2:], count[:-2], count[1:-1], count[2:]
        for x in range(row.size):
            mean = (left[x] + centre[x] + right[x]) / max(n_left[x] + n_centre[x] + n_right[x], np.float32(1))
            row[x] = row[x] if middle[x] > 0 else mean
    return out


@njit(nogil=True, cache=True, fastmath=_MATHS)
def _filter_columns(c):  # type: ignore[no-untyped-def]
    """Turn samples into B-spline coefficients down the first axis, in place, without the factor 6 that the taps lack too."""
    pole, end = np.float32(_POLE), np.float32(_POLE / (_POLE * _POLE - 1))
    for y in range(1, c.shape[0]):
        before, row = c[y - 1], c[y]
        for x in range(row.size):
            row[x] += pole * before[x]
    c[-1] *= end
    for y in range(c.shape[0] - 2, -1, -1):
        after, row = c[y + 1], c[y]
        for x in range(row.size):
            row[x] = pole * (after[x] - row[x])


@njit(nogil=True, cache=True, fastmath=_MATHS)
def spline_coefficients(white, root):  # type: ignore[no-untyped-def]
    """Coefficients [x, y] of the cubic B-spline through a map, float32, PAD wider on each side.

    Both axes are filtered down columns, which the compiler vectorises; hence the transposition.
    """
    c = filled(white, root)
    _filter_columns(c)
    turned = np.ascontiguousarray(c.T)
    _filter_columns(turned)
    return turned


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
def _taps(t):  # type: ignore[no-untyped-def]
    """Six times the cubic B-spline at distances 1 + t, t, 1 - t, 2 - t."""
    u = np.float32(1) - t
    first, last = u * u * u, t * t * t
    second = np.float32(4) - np.float32(3) * t * t * (np.float32(2) - t)
    return first, second, np.float32(6) - first - second - last, last


@njit(nogil=True, cache=True, fastmath=_MATHS)
def _at(c, stride, at, a, b):  # type: ignore[no-untyped-def]
    """The spline with these flat coefficients under 4 x 4 taps that begin at a flat index."""
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    r0, r1, r2, r3 = a[0] * c[at], a[0] * c[at + one], a[0] * c[at + two], a[0] * c[at + three]
    for tap in a[1:]:
        at += stride
        r0, r1, r2, r3 = r0 + tap * c[at], r1 + tap * c[at + one], r2 + tap * c[at + two], r3 + tap * c[at + three]
    return np.float64(b[0] * r0 + b[1] * r1 + b[2] * r2 + b[3] * r3)


@njit(nogil=True, cache=True, fastmath=_MATHS)
def add_spline(x_nodes, y_nodes, touched, coefficients, bends, root, exposure, weights, fluxes, squares, exposures, numbers):  # type: ignore[no-untyped-def]
    """Add a map at the places its nodes say; returns the number of grid pixels that received something.

    `bends` are empty, or the spline coefficients of the logarithm of what 1 / error is to `root` and to the whitened map where
    that is not smooth. Flat arrays and unsigned indices keep the checks for negative indices out of the inner loop.
    """
    (height, width), (ny, nx) = weights.shape, exposure.shape
    in_x, in_y = np.empty((touched.shape[1], 4)), np.empty((touched.shape[1], 4))
    xs, ys = np.empty(STEP), np.empty(STEP)
    c, bent, stride = coefficients.ravel(), bends.ravel(), np.uint64(coefficients.shape[1])
    flat_root, flat_exposure = root.ravel(), exposure.ravel()
    w_sum, f_sum, q_sum, t_sum, n_sum = weights.ravel(), fluxes.ravel(), squares.ravel(), exposures.ravel(), numbers.ravel()
    one, used = np.uint64(1), 0
    for row in range(height):
        if not touched[row // STEP].any():
            continue
        row_polynomials(x_nodes, row, in_x)
        row_polynomials(y_nodes, row, in_y)
        for j in range(touched.shape[1]):
            if not touched[row // STEP, j]:
                continue
            p, q = in_x[j], in_y[j]
            for k in range(STEP):
                xs[k] = p[0] + k * (p[1] + k * (p[2] + k * p[3])) + 0.5
                ys[k] = q[0] + k * (q[1] + k * (q[2] + k * q[3])) + 0.5
            for k in range(min(STEP, width - j * STEP)):
                x, y = xs[k], ys[k]
                if not (x >= 0 and y >= 0 and x < nx and y < ny):
                    continue
                near = flat_root[np.uint64((np.int64(y) + 1) * (nx + 2) + np.int64(x) + 1)]
                if near == 0:
                    continue
                x_after, y_after = np.int64(x + 0.5), np.int64(y + 0.5)
                s, t = np.float32(x + 0.5 - x_after), np.float32(y + 0.5 - y_after)
                a, b = _taps(s), _taps(t)
                at = np.uint64(x_after + PAD - 2) * stride + np.uint64(y_after + PAD - 2)
                z = _at(c, stride, at, a, b)
                corner = np.uint64(y_after * (nx + 2) + x_after)
                r00, r01 = flat_root[corner], flat_root[corner + one]
                r10, r11 = flat_root[corner + np.uint64(nx + 2)], flat_root[corner + np.uint64(nx + 3)]
                # Beside an invalid pixel there is nothing to interpolate between.
                rimless = (r00 > 0) & (r01 > 0) & (r10 > 0) & (r11 > 0)
                low, high = r00 + s * (r01 - r00), r10 + s * (r11 - r10)
                r = np.float64(low + t * (high - low) if rimless else near)
                if rimless and bent.size > 0:
                    share = math.exp(_at(bent, stride, at, a, b))
                    r, z = r * share, z * share
                to = np.uint64(row * width + j * STEP + k)
                w_sum[to] += r * r
                f_sum[to] += r * z
                q_sum[to] += z * z
                seconds = flat_exposure[np.uint64(np.int64(y) * nx + np.int64(x))]
                if seconds > 0:
                    t_sum[to] += seconds
                n_sum[to] += 1
                used += 1
    return used


def warm() -> None:
    """Compile all kernels on tiny arrays; afterwards they are read from numba's cache."""
    nodes, ones = np.mgrid[:4, :4] * float(STEP), np.ones((4, 4), dtype=np.float32)
    sums = (*(np.zeros((4, 4)) for _ in range(4)), np.zeros((4, 4), dtype=np.int32))
    white, root, _ = whitened(ones, ones)
    spline = spline_coefficients(white, root)
    add_spline(nodes[1], nodes[0], np.ones((1, 1), dtype=bool), spline, spline[:0], root, ones, *sums)
    add_lattice(ones, ones, ones, 0, 0, *sums)

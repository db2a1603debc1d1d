// Numbers under the cursor: pixel -> equatorial (TAN or ZEA) -> galactic, and the value its colour stands for.
const D = Math.PI / 180
const {projection, crval, crpix, cdelt, shape, low, high, stretch, knee, unit, label} = info.tags[0]
const px = cb_obj.x, py = cb_obj.y
if (px < -0.5 || py < -0.5 || px > shape[1] - 0.5 || py > shape[0] - 0.5) { out.text = out.tags[0]; return }
const xi = (px + 1 - crpix[0]) * cdelt[0] * D, eta = (py + 1 - crpix[1]) * cdelt[1] * D
const r = Math.hypot(xi, eta)
const rho = projection == "ZEA" ? 2 * Math.asin(Math.min(1, r / 2)) : Math.atan(r)
const phi = Math.atan2(xi, eta), a0 = crval[0] * D, d0 = crval[1] * D
const sd = Math.sin(d0) * Math.cos(rho) + Math.cos(d0) * Math.sin(rho) * Math.cos(phi)
const dec = Math.asin(Math.max(-1, Math.min(1, sd)))
const ra = a0 + Math.atan2(Math.sin(phi) * Math.sin(rho), Math.cos(d0) * Math.cos(rho) - Math.sin(d0) * Math.sin(rho) * Math.cos(phi))
const v = [Math.cos(dec) * Math.cos(ra), Math.cos(dec) * Math.sin(ra), Math.sin(dec)]
const M = [[-0.0548755604, -0.8734370902, -0.4838350155], [0.4941094279, -0.44482963, 0.7469822445], [-0.867666149, -0.1980763734, 0.4559837762]]
const g = M.map(m => m[0] * v[0] + m[1] * v[1] + m[2] * v[2])
const l = ((Math.atan2(g[1], g[0]) / D) % 360 + 360) % 360, b = Math.asin(g[2]) / D
// A large map comes in blocks of pixels, each with the colour of its most extreme.
const {image: [image], x: [left], y: [bottom], dw: [width], dh: [height]} = source.data
const [ny, nx] = image.shape, step = Math.round(width / nx)
const i = Math.floor((px - left) / step), j = Math.floor((py - bottom) / step)
const index = i >= 0 && j >= 0 && i < nx && j < ny ? image[j * nx + i] : 0
const t = (index - 1) / 254, span = high - low
const above = stretch == "asinh" ? knee * Math.sinh(t * Math.asinh(span / knee)) : span * (stretch == "sqrt" ? t * t : t)
const value = index == 0 ? "not exposed" : `${label} ${index == 255 ? "≥ " : "≈ "}${(low + above).toPrecision(3)} ${unit}` + (step > 1 ? ` (most extreme of ${step} × ${step})` : "")
const f = (n, k) => n.toFixed(k), s = n => (n < 0 ? "−" : "+")
const deg = ((ra / D) % 360 + 360) % 360, dd = dec / D
out.text = `RA ${f(deg, 3)} Dec ${s(dd)}${f(Math.abs(dd), 3)} · ℓ ${f(l, 3)} b ${s(b)}${f(Math.abs(b), 3)} · ${value}`

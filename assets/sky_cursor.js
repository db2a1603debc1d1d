// Numbers under the cursor: coordinates, the value that the colour stands for, and the exposure.
const {shape, low, high, stretch, knee, mirrored, unit, label} = facts
const px = cb_obj.x, py = cb_obj.y
if (px < -0.5 || py < -0.5 || px > shape[1] - 0.5 || py > shape[0] - 0.5) { out.text = out.tags[0]; return }
const v = sky(px, py), [ra, dec] = equatorial(v)
const M = [[-0.0548755604, -0.8734370902, -0.4838350155], [0.4941094279, -0.44482963, 0.7469822445], [-0.867666149, -0.1980763734, 0.4559837762]]
const [l, b] = equatorial(M.map(m => m[0] * v[0] + m[1] * v[1] + m[2] * v[2]))
// A large map comes in blocks of pixels, each with the colour of its most extreme.
const {image: [image], x: [left], y: [bottom], dw: [width], dh: [height]} = source.data
const [ny, nx] = image.shape, step = Math.round(width / nx)
const i = Math.floor((px - left) / step), j = Math.floor((py - bottom) / step)
const index = i >= 0 && j >= 0 && i < nx && j < ny ? image[j * nx + i] : 0
// The formulas are those of components/elements/scale.py.
const t = (index - 1) / 254, u = mirrored ? 2 * t - 1 : t
const origin = mirrored ? (low + high) / 2 : low, span = mirrored ? (high - low) / 2 : high - low
const value = stretch == "log" ? low * Math.pow(high / low, t)
  : stretch == "asinh" ? origin + knee * Math.sinh(u * Math.asinh(span / knee)) : origin + span * u * (stretch == "sqrt" ? Math.abs(u) : 1)
const signed = (n, k) => (n < 0 ? "−" : "+") + Math.abs(n).toFixed(k)
const bound = index == 255 ? "≥ " : index == 1 ? "≤ " : "≈ "
const told = index == 0 ? "not exposed" : label == "RGB" ? "" : `${label} ${bound}${value.toPrecision(3)} ${unit}` + (step > 1 ? ` (most extreme of ${step} × ${step})` : "")
let seconds = ""
if (index && label != "exposure" && exposure.data.image?.length) {
  const coarse = exposure.data.image[0], [cy, cx] = coarse.shape
  const at = coarse[Math.min(cy - 1, Math.floor((py + 0.5) / shape[0] * cy)) * cx + Math.min(cx - 1, Math.floor((px + 0.5) / shape[1] * cx))]
  seconds = ` · ${at >= 1e6 ? (at / 1e6).toFixed(2) + " Ms" : (at / 1e3).toFixed(1) + " ks"}`
}
out.text = `RA ${ra.toFixed(3)} Dec ${signed(dec, 3)} · ℓ ${l.toFixed(3)} b ${signed(b, 3)} · ${told}${seconds}`

// Drags with the ruler or a region's shape: a rubber band while they last, numbers in the foot, and the shape when they end.
const tool = rubber.tags[0]
if (tool == "pan") return
const kind = cb_obj.event_name, here = [cb_obj.x, cb_obj.y]
if (kind == "panstart") rubber.start = [here]
if (!rubber.start) return
const path = tool == "polygon" ? (rubber.start.push(here), rubber.start) : [rubber.start[0], here]
const [[x0, y0]] = path
let xs = path.map(p => p[0]), ys = path.map(p => p[1])
if (tool == "box") { xs = [x0, here[0], here[0], x0, x0]; ys = [y0, y0, here[1], here[1], y0] }
if (tool == "circle") {
  const r = Math.hypot(here[0] - x0, here[1] - y0), turn = [...Array(65).keys()].map(k => k / 32 * Math.PI)
  xs = turn.map(a => x0 + r * Math.cos(a)); ys = turn.map(a => y0 + r * Math.sin(a))
}
rubber.data = {xs: [xs], ys: [ys]}
const a = sky(x0, y0), b = sky(...here)
const cross = [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]]
const apart = Math.atan2(Math.hypot(...cross), a[0] * b[0] + a[1] * b[1] + a[2] * b[2]) / D
const [ra0, dec0] = equatorial(a).map(n => n * D), [ra1, dec1] = equatorial(b).map(n => n * D)
const angle = Math.atan2(Math.sin(ra1 - ra0), Math.cos(dec0) * Math.tan(dec1) - Math.sin(dec0) * Math.cos(ra1 - ra0)) / D
const size = apart >= 1 ? apart.toFixed(3) + "°" : (apart * 60).toFixed(2) + "′"
if (tool == "ruler" || tool == "circle") out.text = `${tool == "ruler" ? "" : "radius "}${size} · position angle ${((angle % 360 + 360) % 360).toFixed(1)}° east of north`
if (kind == "panend") {
  if (tool == "ruler") { rubber.start = null; return }
  done.data = {x: path.map(p => p[0]), y: path.map(p => p[1])}
  rubber.start = null
  rubber.data = {xs: [], ys: []}
}

// From a pixel of a TAN or ZEA map to the sky. `info` holds the map's facts, set anew whenever the picture changes.
const D = Math.PI / 180
const facts = info.tags[0]
const sky = (px, py) => {
  const {projection, crval, crpix, cdelt} = facts
  const xi = (px + 1 - crpix[0]) * cdelt[0] * D, eta = (py + 1 - crpix[1]) * cdelt[1] * D
  const r = Math.hypot(xi, eta)
  const rho = projection == "ZEA" ? 2 * Math.asin(Math.min(1, r / 2)) : Math.atan(r)
  const phi = Math.atan2(xi, eta), a0 = crval[0] * D, d0 = crval[1] * D
  const sd = Math.sin(d0) * Math.cos(rho) + Math.cos(d0) * Math.sin(rho) * Math.cos(phi)
  const dec = Math.asin(Math.max(-1, Math.min(1, sd)))
  const ra = a0 + Math.atan2(Math.sin(phi) * Math.sin(rho), Math.cos(d0) * Math.cos(rho) - Math.sin(d0) * Math.sin(rho) * Math.cos(phi))
  return [Math.cos(dec) * Math.cos(ra), Math.cos(dec) * Math.sin(ra), Math.sin(dec)]
}
const equatorial = v => [((Math.atan2(v[1], v[0]) / D) % 360 + 360) % 360, Math.asin(Math.max(-1, Math.min(1, v[2]))) / D]

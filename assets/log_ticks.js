// Ticks of a logarithmic axis: whole powers where there are many decades, 1-2-5 where there are few, even steps within a factor of a few.
const {start, end} = cb_data, [low, high] = [Math.min(start, end), Math.max(start, end)]
if (!(low > 0) || !isFinite(high)) return []
const decades = Math.log10(high / low), first = Math.floor(Math.log10(low)), last = Math.ceil(Math.log10(high))
const ticks = []
if (decades < 0.6) {
  const rough = (high - low) / 6, power = 10 ** Math.floor(Math.log10(rough)), step = [1, 2, 5, 10].find(n => n * power >= rough) * power
  for (let n = Math.ceil(low / step); n * step <= high; n++) ticks.push(Number((n * step).toPrecision(12)))
} else {
  const mantissas = decades < 3 ? [1, 2, 5] : [1], stride = decades < 3 ? 1 : Math.ceil(decades / 6)
  for (let exponent = first; exponent <= last; exponent++)
    if (exponent % stride == 0) for (const mantissa of mantissas) ticks.push(Number(`${mantissa}e${exponent}`))
}
return ticks.filter(tick => low <= tick && tick <= high)

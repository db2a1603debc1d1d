// Equal scale in both axes whatever the pane's shape: widen the axis that has room, around its centre. Reset shows the whole map.
const w = fig.inner_width, h = fig.inner_height
if (w > 0 && h > 0) {
  const xr = fig.x_range, yr = fig.y_range
  const mx = (shape[1] - 1) / 2, my = (shape[0] - 1) / 2, all = Math.max(shape[1] / w, shape[0] / h)
  const whole = xr.tags.length == 0
  const cx = whole ? mx : (xr.start + xr.end) / 2, cy = whole ? my : (yr.start + yr.end) / 2
  const scale = whole ? all : Math.max((xr.end - xr.start) / w, (yr.end - yr.start) / h)
  xr.tags = ["fitted"]
  xr.setv({start: cx - scale * w / 2, end: cx + scale * w / 2, reset_start: mx - all * w / 2, reset_end: mx + all * w / 2})
  yr.setv({start: cy - scale * h / 2, end: cy + scale * h / 2, reset_start: my - all * h / 2, reset_end: my + all * h / 2})
}

// What the page does by itself, without asking the server: panes that enlarge, hide and take room from each other,
// light and dark, and the keys. Installed once a visit; what was chosen is kept in the browser.
const root = document.documentElement
const stored = (key, fallback) => { try { return JSON.parse(localStorage.getItem(key)) ?? fallback } catch { return fallback } }
const keep = (key, value) => { try { localStorage.setItem(key, JSON.stringify(value)) } catch { /* private windows */ } }
const theme = localStorage.getItem("integral-theme")
if (theme) root.dataset.theme = theme
if (!window.integralPage) {
  window.integralPage = true
  const every = (test, within = document) => [...within.querySelectorAll("*")].flatMap(e => [...(test(e) ? [e] : []), ...(e.shadowRoot ? every(test, e.shadowRoot) : [])])
  const host = name => every(e => e.classList.contains(name))[0]
  const paneName = pane => [...pane.classList].find(c => c.endsWith("-pane") && c != "pane")?.replace("-pane", "")
  const titleOf = pane => pane.shadowRoot && every(e => e.dataset?.pane, pane.shadowRoot)[0]?.innerText || paneName(pane)
  const shortName = pane => paneName(pane).replace(/^./, first => first.toUpperCase())
  // Figures measure themselves when their document does, not when a pane around them changes.
  let painting = 0
  const repaint = () => { cancelAnimationFrame(painting); painting = requestAnimationFrame(() => { for (const view of Bokeh.index.roots) view.invalidate_layout?.() }) }
  const panes = () => every(e => e.classList.contains("pane"))
  const state = stored("integral-panes", {off: [], sizes: {}})

  const apply = () => {
    for (const pane of panes()) pane.toggleAttribute("data-off", state.off.includes(paneName(pane)))
    for (const e of [host("page"), host("side")]) if (e) e.dataset.off = state.off.join(" ")
    for (const [name, value] of Object.entries(state.sizes)) root.style.setProperty(name, value)
    const shelf = every(e => e.hasAttribute("data-shelf"))[0]
    if (shelf) shelf.innerHTML = panes().filter(p => p.hasAttribute("data-off"))
      .map(p => `<button type="button" data-act="show" data-name="${paneName(p)}" title="Show ${titleOf(p)} again">+ ${shortName(p)}</button>`).join("")
    repaint()
  }
  const enlarge = pane => {
    if (pane && !pane.getClientRects().length) return // one that is hidden
    for (const other of panes()) other.toggleAttribute("data-large", other == pane && !pane.hasAttribute("data-large"))
    root.toggleAttribute("data-large", panes().some(p => p.hasAttribute("data-large")))
    repaint()
  }
  const hide = (name, off) => {
    state.off = state.off.filter(n => n != name).concat(off ? [name] : [])
    keep("integral-panes", state)
    if (off) enlarge(null)
    apply()
  }
  const dark = () => {
    const now = root.dataset.theme ? root.dataset.theme == "dark" : matchMedia("(prefers-color-scheme: dark)").matches
    root.dataset.theme = now ? "light" : "dark"
    localStorage.setItem("integral-theme", root.dataset.theme)
  }
  const press = name => { for (const e of every(e => e.tagName == "BUTTON" && e.innerText.trim() == name)) { e.click(); return } }
  const step = name => { const e = every(e => e.tagName == "SELECT" && e.labels?.[0]?.innerText.trim() == name)[0]
    if (e) { e.selectedIndex = (e.selectedIndex + 1) % e.options.length; e.dispatchEvent(new Event("change", {bubbles: true})) } }
  const paneKeys = {1: "sky", 2: "sources", 3: "energy", 4: "time"}
  const KEYS = [
    ["?", "this list", () => list()], ["/", "to the source", () => every(e => e.tagName == "INPUT" && e.labels?.[0]?.innerText.trim() == "Source")[0]?.focus()],
    ["P", "plan", () => press("Plan")], ["R", "run", () => press("Run")],
    ["1 2 3 4", "enlarge sky, sources, energy, time; again: back", null], ["Esc", "back to all panes; close this list", () => enlarge(null)],
    ["B", "next band", () => step("Mosaic shown")],
    ["I F E V", "significance, flux, exposure, variance", null], ["D", "light or dark", dark],
  ]
  const planes = {i: "significance", f: "flux", e: "exposure", v: "variance"}
  const list = () => {
    const open = document.querySelector("dialog.keys")
    if (open) { open.remove(); return }
    const dialog = document.createElement("dialog")
    dialog.className = "keys"
    dialog.setAttribute("aria-label", "Keys")
    dialog.innerHTML = "<h2>Keys</h2><dl>" + KEYS.map(([key, what]) => `<dt>${key.split(" ").map(k => `<kbd>${k}</kbd>`).join(" ")}</dt><dd>${what}</dd>`).join("") +
      "</dl><p>Drag the gaps between panes to give them more room. Drag over science windows, a light curve or a spectrum to select. Click a source anywhere to select it everywhere.</p>"
    document.body.append(dialog)
    dialog.addEventListener("close", () => dialog.remove())
    dialog.addEventListener("click", () => dialog.close())
    dialog.showModal()
  }

  document.addEventListener("click", event => {
    const path = event.composedPath(), button = path.find(e => e.dataset?.act)
    if (!button) return
    const pane = path.find(e => e.classList?.contains("pane"))
    const acts = {enlarge: () => enlarge(pane), hide: () => hide(paneName(pane), true), show: () => hide(button.dataset.name, false), keys: list, theme: dark}
    acts[button.dataset.act]?.()
  })

  document.addEventListener("keydown", event => {
    const inside = event.composedPath()[0]
    if (event.ctrlKey || event.metaKey || event.altKey || inside.isContentEditable || ["INPUT", "TEXTAREA", "SELECT"].includes(inside.tagName)) return
    const key = event.key.toLowerCase()
    if (document.querySelector("dialog.keys") && key != "?") return // the list closes by itself with Escape
    const pane = paneKeys[key] && panes().find(p => paneName(p) == paneKeys[key])
    const act = pane ? () => enlarge(pane) : planes[key] ? () => press(planes[key]) : KEYS.find(([name]) => name.toLowerCase() == key || (name == "Esc" && key == "escape"))?.[2]
    if (act) { event.preventDefault(); act() }
  })

  // Names are offered, not imposed: what is typed or pasted stays, unless an arrow key or a click chooses another.
  const say = (input, key) => input.dispatchEvent(new KeyboardEvent("keyup", {key}))
  let typed = null, first = false
  const settle = () => { if (typed) say(typed, "Escape"); typed = null }
  document.addEventListener("input", event => {
    const input = event.composedPath()[0]
    if (input.getRootNode().host?.classList.contains("bk-AutocompleteInput")) { typed = input; say(input, "") }
  }, true)
  document.addEventListener("keydown", event => {
    if (event.key == "Tab" || event.key == "Enter") settle()
    if (typed && event.key.startsWith("Arrow")) { typed = null; first = true }
  }, true)
  document.addEventListener("keyup", event => { if (first && event.isTrusted) { first = false; event.stopPropagation() } }, true) // it is marked already
  document.addEventListener("pointerdown", event => { if (!event.composedPath().includes(typed?.getRootNode().host)) settle() }, true)

  // The gaps between panes: a drag gives room from one side to the other; a double click gives it back.
  const gap = event => {
    const page = host("page"), sky = host("sky-pane"), side = host("side"), time = host("time-pane")
    if (!page || root.hasAttribute("data-large") || innerWidth < 901) return null
    if (side && event.composedPath()[0] == side) {
      const [above, energy, histogram] = ["sources", "energy", "histogram"].map(name => host(`${name}-pane`)?.getBoundingClientRect())
      const below = energy?.height ? energy : histogram, names = energy?.height ? ["--sources", "--energy"] : ["--list", "--histogram"]
      return above?.height && below?.height ? {axis: "y", from: above.top, to: below.bottom, names, unit: below == energy ? "" : " 1 0px"} : null
    }
    if (event.composedPath()[0] != page) return null
    const [a, b, c] = [sky, side, time].map(e => e?.getBoundingClientRect())
    if (c?.height && b?.height && event.clientX > Math.min(a.left, b.left) && Math.abs(event.clientY - (c.top - 5)) < 8) return {axis: "y", from: b.top, to: c.bottom, names: ["--upper", "--lower"]}
    if (a?.width && b?.width && Math.abs(event.clientX - (b.left - 5)) < 8 && event.clientY > b.top && event.clientY < b.bottom) return {axis: "x", from: a.left, to: b.right, names: ["--sky", "--side"]}
    return null
  }
  let held = null
  document.addEventListener("pointermove", event => {
    const over = held ?? gap(event)
    root.style.cursor = over ? (over.axis == "x" ? "col-resize" : "row-resize") : ""
    if (!held) return
    const at = held.axis == "x" ? event.clientX : event.clientY
    const part = Math.min(0.85, Math.max(0.15, (at - held.from) / (held.to - held.from)))
    held.names.forEach((name, i) => { state.sizes[name] = `${(i ? 1 - part : part).toFixed(3)}${held.unit ?? "fr"}`; root.style.setProperty(name, state.sizes[name]) })
    repaint()
  })
  document.addEventListener("pointerdown", event => { held = gap(event); if (held) event.preventDefault() })
  const release = () => { if (held) { held = null; keep("integral-panes", state); repaint() } }
  for (const name of ["pointerup", "pointercancel"]) document.addEventListener(name, release)
  document.addEventListener("dblclick", event => {
    for (const name of gap(event)?.names ?? []) { delete state.sizes[name]; root.style.removeProperty(name) }
    keep("integral-panes", state); repaint()
  })
  if (state.off.length || Object.keys(state.sizes).length) setTimeout(apply)
  const forget = () => { if (!host("catalogue-pane")) state.off = state.off.filter(name => name != "catalogue") } // the next one waits for its owner
  setInterval(() => { forget(); if (panes().some(p => p.hasAttribute("data-off") != state.off.includes(paneName(p)))) apply() }, 1000) // panes are built late
}

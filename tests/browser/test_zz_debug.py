from tests.browser.test_sky import *
def test_d(finished, visitor):
    sky, page = opened(visitor, finished), visitor.page
    print("RO", page.locator(".readout").evaluate("e => e.outerHTML + (e.shadowRoot ? e.shadowRoot.innerHTML.slice(-400) : '')"))
    open_menu(visitor)
    print(sky.tell("plot => [plot.toolbar.active_drag?.type, plot.toolbar.gestures.pan.active?.type]"))
    visitor.click("ruler")
    page.wait_for_timeout(1500)
    print(sky.tell("plot => [plot.toolbar.active_drag?.type, plot.toolbar.gestures.pan.active?.type, plot.renderers.length]"))
    print(page.locator(".sky-menu").screenshot(path="/tmp/menu.png") and 1)
    page.locator(".view button").click()
    n = places(sky)
    names = list(n)
    x0 = sky.x_range
    page.screenshot(path="/tmp/s0.png")
    sky.drag(n[names[0]], n[names[1]])
    print(names, readout(visitor).inner_text(), x0, sky.x_range)
    print(sky.tell(f"plot => {SUM}"))
    handle = page.locator(".part-slider .noUi-handle").first
    handle.focus()
    handle.press("ArrowRight")
    page.wait_for_timeout(1500)
    print(page.locator(".part-words").inner_text(), sky.tell(f"plot => {SUM}"))
    print("RO", readout(visitor).inner_text())
    print(page.evaluate("() => [...Bokeh.documents[0]._all_models.values()].filter(m => m.type.includes('RangeSlider')).map(m => [m.value, m.value_throttled])"))
    page.screenshot(path="/tmp/s1.png")

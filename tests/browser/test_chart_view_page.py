"""A study's charts in the page: what is pointed at says what it is, names hide curves, and how it looks."""

from _widgets import wait_until
from playwright.sync_api import expect

ONLINE = """
import sketchwidgets as sw
online = sw.studies.OnlineRecognition.measured()
view = sw.show(online)
view
"""
BARS = """
bars = sw.ChartView(sw.studies.LayerRemoval.measured())
bars
"""


def test_charts_are_pointed_at(notebook, pictures):
    page = notebook(ONLINE, BARS, "", viewport={"width": 1250, "height": 1000})
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    expect(root.locator(".bqplot")).to_have_count(page.ask("len(view.charts)"))
    first = root.locator(".bqplot").first
    dots = first.locator("path.dot")
    wait_until(lambda: dots.count() >= 10, True)

    # The last mark of the first curve is its accuracy at all strokes.
    name, value = page.ask("[online.rows[0].name, float(100 * online.rows[0].by_share[-1])]")
    dots.nth(9).hover(force=True)
    said = page.page.get_by_role("row", name=name)
    expect(said).to_be_visible()
    expect(said).to_have_text(f"{name}{value:.4g}")
    expect(page.page.get_by_role("row", name="% of the strokes")).to_have_text("% of the strokes100")

    # Its name hides it, and brings it back.
    page.page.mouse.move(2, 2)
    button = root.locator(".skw-hover-name", has_text=name).first
    button.click()
    wait_until(lambda: page.ask("view._drawn[0]._marks[0].visible"), False)
    button.click()
    wait_until(lambda: page.ask("view._drawn[0]._marks[0].visible"), True)
    page.page.mouse.move(2, 2)
    page.looks(root, pictures / "study-charts.png", height=1900)

    page.run(1)
    root = page.output(1)
    rows = page.ask("[row.name for row in sw.studies.LayerRemoval.measured().rows]")
    for name in rows[:2]:
        expect(root.locator(".bqplot").first).to_contain_text(name.split(",")[0])
    bar = root.locator(".bqplot").first.locator("rect.bar").first
    bar.hover(force=True)
    expect(
        page.page.locator(".bqplot_tooltip_div, .mark_tooltip").filter(has_text="error").first
    ).to_be_visible()
    page.page.mouse.move(2, 2)
    page.looks(root, pictures / "study-bars.png", height=2400)

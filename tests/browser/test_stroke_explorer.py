"""Strokes in the page: drawn, coloured, pointed at, taken away."""

from _widgets import draw_for, wait_until
from playwright.sync_api import expect

EXPLORER = """
import sketchwidgets as sw
from kernel_side import recognizer
pad = sw.SketchPad()
explorer = sw.StrokeExplorer(recognizer(), pad)
display(pad)
explorer
"""


def test_a_stroke_is_pointed_at_and_taken_away(notebook, drawing, pictures):
    page = notebook(EXPLORER, "", viewport={"width": 1250, "height": 1400})
    pad, explorer = draw_for(page, drawing, "Draw a stroke to see what it does")
    sections = explorer.locator(".skw-section")
    listed = sections.nth(1).locator(".skw-cell")
    expect(listed).to_have_count(len(drawing))
    expect(explorer).to_contain_text("Point at a stroke to take it away")

    # Pointing at a tile shows the drawing without the stroke; leaving it brings the whole drawing back.
    listed.nth(1).hover()
    name = page.ask("explorer.result.occlusion.name")
    expect(explorer).to_contain_text(f"Without stroke 2, {name} goes from")
    expect(sections.nth(0).locator(".skw-cell").nth(1)).to_contain_text("without stroke 2")
    page.page.mouse.move(5, 5)
    expect(explorer).to_contain_text("The whole drawing")
    # A click keeps it.
    listed.nth(0).click()
    wait_until(lambda: page.ask("explorer.stroke"), 0)
    expect(explorer).to_contain_text("Without stroke 1")
    page.page.mouse.move(5, 5)
    expect(explorer).to_contain_text("Without stroke 1")

    page.looks(explorer, pictures / "strokes.png", height=2600)

    # Another method, from the page.
    dropdowns = explorer.locator(".jupyter-widgets.widget-dropdown")
    dropdowns.filter(has_text="Method").locator("select").select_option(label="along a unit")
    wait_until(lambda: page.ask("[explorer.method, explorer.settle()]"), ["unit", True])
    expect(explorer).to_contain_text(f"What drives {page.ask('explorer.network.layers()[2]')}/")
    expect(dropdowns.filter(has_text="strongest")).to_be_visible()
    explorer.screenshot(path=pictures / "strokes-unit.png")
    assert page.ask("explorer.result.attribution.method") == "projection"

    # On the coloured drawing itself: the stroke under the pointer.
    canvas = sections.nth(0).locator(".skw-cell").nth(0).locator("canvas")
    x, y = page.ask(
        "(lambda s, p: [float(v) for v in p[s.lengths[0] // 2] / 224])(pad.sketch, "
        "__import__('sketchwidgets.visualization.input_modification._stroke_figures', fromlist=['x'])"
        "._placed(pad.sketch, 224))"
    )
    box = canvas.bounding_box()
    canvas.hover(position={"x": x * box["width"], "y": y * box["height"]})
    expect(explorer).to_contain_text("Without stroke 1")
    wait_until(lambda: page.ask("explorer.stroke"), 0)

    # Undo in the pad: one stroke less.
    pad.button("Undo").click()
    wait_until(lambda: page.ask("[explorer.settle(), len(explorer.result.sketch)]"), [True, len(drawing) - 1])
    expect(listed).to_have_count(len(drawing) - 1)

"""New drawings of a drawing, in the page: drawn on, turned at, asked for again, downloaded."""

from _widgets import LabView, wait_until
from playwright.sync_api import expect

EXPLORER = """
import sketchwidgets as sw
pad = sw.SketchPad()
explorer = sw.AugmentationExplorer(pad)
display(pad)
explorer
"""
_SHOWN = "(cells) => cells.map((cell) => cell.querySelector('canvas').toDataURL())"


def test_a_drawing_has_new_ones_while_it_is_drawn(notebook, drawing, pictures):
    page = notebook(EXPLORER, "", viewport={"width": 1250, "height": 1400})
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    explorer = root.locator(".skw-explorer")
    pad = LabView(page.page, root)
    expect(explorer).to_contain_text("Draw a stroke to see new drawings of yours")
    for stroke in drawing:
        pad.hand().stroke(stroke, speed=10)
    count = len(drawing)
    wait_until(lambda: page.ask("[len(pad.sketch), explorer.settle()]"), [count, True])
    sections = explorer.locator(".skw-section")
    expect(sections).to_have_count(6)
    expect(sections.nth(1)).to_contain_text(f"60\N{NO-BREAK SPACE}%: {int(0.6 * count + 0.5)} of {count}")
    deformed = sections.nth(2).locator(".skw-cell")
    expect(deformed).to_have_count(6)

    # Again: other deformations, the same removals.
    before = deformed.evaluate_all(_SHOWN)
    removed = sections.nth(1).locator(".skw-cell").evaluate_all(_SHOWN)
    assert len(set(before)) == 6
    explorer.get_by_role("button", name="Again").click()
    wait_until(lambda: page.ask("[explorer.seed, explorer.settle()]"), [1, True])
    wait_until(lambda: bool(set(deformed.evaluate_all(_SHOWN)) & set(before)), False)
    assert sections.nth(1).locator(".skw-cell").evaluate_all(_SHOWN) == removed

    for theme, dark in (("light", False), ("dark", True)):
        page.set_theme(dark=dark)
        for size, width in (("wide", 1250), ("narrow", 560)):
            page.page.set_viewport_size({"width": width, "height": 2600})
            page.page.wait_for_timeout(400)
            explorer.screenshot(path=pictures / f"augmentation-{size}-{theme}.png")
    page.page.set_viewport_size({"width": 1250, "height": 1400})

    # No deformation, by the slider's readout: every new drawing is the drawing.
    strength = explorer.locator(".widget-slider").filter(has_text="Deformation")
    strength.locator(".widget-readout").fill("0")
    strength.locator(".widget-readout").press("Enter")
    wait_until(lambda: page.ask("[explorer.strength, explorer.settle()]"), [0.0, True])
    wait_until(lambda: len(set(deformed.evaluate_all(_SHOWN))), 1)

    with page.page.expect_download() as download:
        explorer.get_by_role("button", name="SVG").click()
    assert "Strokes removed" in download.value.path().read_text()

    pad.button("Undo").click()
    wait_until(lambda: page.ask("[explorer.settle(), len(explorer.result.sketch)]"), [True, count - 1])
    expect(sections.nth(1)).to_contain_text(f"of {count - 1}")

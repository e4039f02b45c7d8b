"""Two networks side by side in the page: a stroke, the rows, the units, and how it looks."""

from _pointer import Hand
from _widgets import wait_until
from playwright.sync_api import Locator, expect

CELL = """
import ipywidgets
import sketchwidgets as sw
from kernel_side import recognizer
pad = sw.SketchPad()
compare = sw.Compare([recognizer(), sw.Network.efficientnet_lite0()], pad, top=4)
compare.methods = ["backprop", "deconvnet", "guided", "relevance"]
ipywidgets.VBox([pad, compare])
"""
ROWS = "[compare.result.rows[0] if compare.result else None, len(pad.sketch)]"


def choose(root: Locator, label: str, option: str) -> None:
    """Pick an option of the dropdown with this name."""
    control = root.locator(".jupyter-widgets.widget-dropdown").filter(has_text=label)
    control.locator("select").select_option(label=option)


def pixels(tile: Locator) -> str:
    return tile.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")


def test_networks_side_by_side_follow_the_pad(notebook, drawing, pictures):
    page = notebook(CELL, "", viewport={"width": 1200, "height": 1000})
    page.set_theme(dark=False)
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    hand = Hand(page.page, root.locator(".skw-canvas"))
    hand.stroke(drawing[0], speed=10)
    sections = root.locator(".skw-section")
    expect(sections).to_have_count(6)
    wait_until(lambda: page.ask("compare.settle() and compare.result.complete"), True)
    first = sections.nth(2).locator(".skw-cell")
    expect(first).to_have_count(2)
    before = [pixels(first.nth(0)), pixels(first.nth(1))]

    # The same part of the picture: both see about as much of it.
    shares = page.ask(
        "[[c.field and c.field.share for c in column.cells] for column in compare.result.columns]"
    )
    for left, right in zip(*shares, strict=True):
        assert right is None or 0.5 <= right / left <= 2

    # The next strokes change both columns.
    for stroke in drawing[1:]:
        hand.stroke(stroke, speed=10)
    wait_until(lambda: page.ask(f"compare.settle() and {ROWS}[1]"), len(drawing))
    wait_until(lambda: [pixels(first.nth(i)) != before[i] for i in (0, 1)], [True, True])

    # Units and rule, from the page.
    choose(root, "Units", "9")
    choose(root, "Rule", "backprop")
    wait_until(
        lambda: page.ask("compare.settle() and [compare.top, compare.result.settings.rule]"), [9, "backprop"]
    )
    expect(root.locator(".skw-grid-title")).to_contain_text("backprop")
    choose(root, "Rule", "guided backprop")
    page.ask("compare.settle()")
    expect(root.locator(".skw-grid-title")).to_contain_text("guided")
    first.nth(1).click()
    expect(root.get_by_role("dialog")).to_contain_text("9 strongest units")
    page.page.keyboard.press("Escape")
    page.page.set_viewport_size({"width": 1200, "height": 2600})
    root.screenshot(path=pictures / "compare-layers-wide.png")

    # Rows by method; each network explains its own best class.
    choose(root, "Rows", "methods, for a class")
    wait_until(lambda: page.ask(f"compare.settle() and {ROWS}[0]"), "backprop")
    expect(sections).to_have_count(2)
    expect(sections.nth(0).locator(".skw-cell")).to_have_count(5)
    names = page.ask("[column.class_name for column in compare.result.columns]")
    for index, name in enumerate(names):
        expect(sections.nth(index)).to_contain_text(name)
    choose(root, "Show", "overlay")
    for width, dark, name in ((1200, False, "wide"), (1200, True, "dark"), (500, True, "narrow")):
        page.set_theme(dark=dark)
        page.resize(root, width, 2000)
        root.screenshot(path=pictures / f"compare-methods-{name}.png")

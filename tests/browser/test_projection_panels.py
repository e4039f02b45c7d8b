"""Looking into a network from the page: its controls, a stroke on the pad, a photo, and how it looks."""

import numpy as np
from _page import NotebookPage
from _pointer import Hand
from _widgets import wait_until
from playwright.sync_api import Locator, expect

PAD = """
import sketchwidgets as sw
from kernel_side import sketch_a_net
pad = sw.SketchPad()
panels = sw.ProjectionPanels(sketch_a_net(), pad, top=5)
import ipywidgets
ipywidgets.VBox([pad, panels])
"""
PHOTO = """
from skimage.data import coffee
photo = sw.ProjectionPanels(sw.Network.efficientnet_lite0(), coffee())
photo
"""
# How many sections leave the output to the right, and how many tiles are too small to see anything. The rows themselves
# can be pushed sideways.
STICKS_OUT = """(root) => {
  const edge = root.getBoundingClientRect().right + 1;
  const out = [...root.querySelectorAll('.skw-section, .skw-cells')].filter((e) => e.getBoundingClientRect().right > edge);
  const small = [...root.querySelectorAll('.skw-cell')].filter((e) => e.getBoundingClientRect().width < 44);
  return out.length + small.length;
}"""
STATE = "[panels.rule, panels.signal, panels.result and [len(panels.result.projections), panels.result.settings.rule]]"


def settled(page: NotebookPage, question: str, wanted: object) -> None:
    """Wait until the kernel answers so."""
    wait_until(lambda: page.ask(question), wanted)


def choose(root: Locator, label: str, option: str) -> None:
    """Pick an option of the dropdown with this name."""
    root.locator(".jupyter-widgets.widget-dropdown").filter(has_text=label).locator("select").select_option(
        label=option
    )


def pixels(tile: Locator) -> str:
    return tile.locator("canvas").evaluate("(canvas) => canvas.toDataURL()")


def test_panels_follow_the_pad_and_their_controls(notebook, drawing, pictures):
    page = notebook(PAD, PHOTO, "", viewport={"width": 1200, "height": 1000})
    page.set_theme(dark=False)
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    expect(root.locator(".skw-explorer-line")).to_contain_text("Draw a stroke")

    # A stroke drawn in the page comes to every layer.
    hand = Hand(page.page, root.locator(".skw-canvas"))
    hand.stroke(drawing[0], speed=10)
    settled(page, STATE, ["guided", "activation", [5, "guided"]])
    sections = root.locator(".skw-section")
    expect(sections).to_have_count(6)
    tile = sections.nth(3).locator(".skw-cell").first
    guided = pixels(tile)

    # The rule.
    choose(root, "Rule", "deconvnet")
    settled(page, STATE, ["deconvnet", "activation", [5, "deconvnet"]])
    wait_until(lambda: pixels(tile) != guided, True)

    # Pointing at a projection shows where its unit sits; clicking shows it large.
    tile.hover()
    expect(sections.nth(0).locator(".skw-field")).to_have_count(1)
    field = sections.nth(0).locator(".skw-field")
    share = "(e) => [parseFloat(e.style.top), parseFloat(e.style.height)]"
    shown = field.evaluate(share)
    box = page.ask("panels.result.projections['relu3'].boxes[0, 0].tolist()")
    np.testing.assert_allclose(shown, [100 * box[0] / 225, 100 * (box[2] - box[0]) / 225], atol=0.1)
    tile.click()
    large = root.get_by_role("dialog")
    expect(large).to_contain_text("Sees")
    np.testing.assert_allclose(field.evaluate(share), shown)  # stays when the pointer leaves
    page.page.keyboard.press("Escape")

    # Layers by their tags.
    root.get_by_role("button", name="all 5").click()
    first = root.locator(".jupyter-widget-tag", has_text="relu1")
    first.locator(".jupyter-widget-tag-close").click()
    settled(
        page, "[panels.layers, list(panels.result.projections)]", [["relu2", "relu3", "relu4", "relu5"]] * 2
    )
    expect(sections).to_have_count(5)

    # The class score.
    choose(root, "From", "class score")
    settled(page, "[panels.signal, list(panels.result.projections)]", ["class", ["fc8"]])
    expect(sections.first).to_contain_text("What speaks for")
    root.get_by_placeholder("most probable").fill("cat")
    root.get_by_placeholder("most probable").press("Enter")
    settled(page, "[panels.class_name, panels.result.class_name]", ["cat", "cat"])
    expect(sections.first).to_contain_text("What speaks for cat")

    # Another stroke while all that is set.
    before = page.ask("float(panels.result.class_projection.activations[0, 0])")
    hand.stroke(drawing[1], speed=10)
    wait_until(lambda: page.ask("float(panels.result.class_projection.activations[0, 0])") != before, True)
    choose(root, "From", "unit's activation")
    choose(root, "Rule", "guided backprop")
    for stroke in drawing[2:]:
        hand.stroke(stroke, speed=10)
    settled(page, "panels.settle() and [panels.rule, len(pad.sketch)]", ["guided", len(drawing)])
    page.resize(root, 1200, 2600)
    root.screenshot(path=pictures / "panels-pad-wide.png")

    # A photo; how it looks dark and narrow.
    page.run(1)
    assert page.ask("[photo.settle(), photo.result.top[0][0]]") == [True, "espresso"]
    output = page.output(1)
    for theme, (name, width) in (
        (False, ("wide", 1200)),
        (True, ("dark", 1200)),
        (True, ("dark-narrow", 500)),
    ):
        page.set_theme(dark=theme)
        page.resize(output, width, 2400)
        output.screenshot(path=pictures / f"panels-photo-{name}.png")
        assert output.evaluate(STICKS_OUT) == 0, name

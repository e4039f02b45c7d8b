"""Reconstructions in the page: one is watched, cancelled and kept; a drawing is inverted; and how both look."""

from _pointer import Hand
from _widgets import wait_until
from playwright.sync_api import expect

CLASS = """
import sketchwidgets as sw
from kernel_side import sketch_a_net
network = sw.Network.of(sketch_a_net())
view = sw.ReconstructionView(network, class_name="house", steps=2000)
view
"""
PAD = """
import ipywidgets
pad = sw.SketchPad()
inversion = sw.ReconstructionView(network, pad, steps=20, layers=["relu1", "relu3"])
ipywidgets.VBox([pad, inversion])
"""
_PICTURE = "(canvas) => canvas.toDataURL()"
# Whatever sticks out of the output to the right.
_CUT_OFF = """(root) => [...root.querySelectorAll('.skw-cell, .widget-button, select, input')]
  .filter((e) => e.getClientRects().length && e.getBoundingClientRect().right > root.getBoundingClientRect().right + 1)
  .map((e) => e.outerHTML.slice(0, 80))"""


def test_a_reconstruction_is_watched_cancelled_and_kept(notebook, drawing, pictures):
    page = notebook(CLASS, PAD, "", viewport={"width": 1200, "height": 1300})
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    # The picture changes while it is made, and the status line counts.
    canvas = root.locator(".skw-section").first.locator(".skw-cell canvas")
    expect(canvas).to_have_count(1)
    first = canvas.evaluate(_PICTURE)
    wait_until(lambda: canvas.evaluate(_PICTURE) != first, True)
    expect(root.locator(".skw-explorer-line")).to_contain_text("of 2000")
    wait_until(lambda: page.ask("view._job.state[0] > 40"), True)

    # Cancelled, it stays.
    root.get_by_role("button", name="Cancel").first.click()
    assert page.ask("[view.settle(), view.result.stopped, view.result.names]") == [True, True, ["house"]]
    steps = page.ask("view.result.steps")
    assert 40 <= steps < 2000
    expect(root.locator(".skw-section").first).to_contain_text(f"{steps} steps, stopped early")
    assert page.ask("view.result.objective[-1, 0].item() > view.result.objective[0, 0].item() + 1")
    expect(root.get_by_role("button", name="Start")).to_be_visible()
    kept = canvas.evaluate(_PICTURE)

    # Looks; the result is still there.
    for name, dark, width in (("light", False, 1200), ("dark-narrow", True, 500)):
        page.set_theme(dark=dark)
        page.resize(root, width, 1500)
        root.screenshot(path=pictures / f"reconstruction-class-{name}.png")
        assert root.evaluate(_CUT_OFF) == [], name
    assert canvas.evaluate(_PICTURE) == kept
    page.set_theme(dark=False)
    page.page.set_viewport_size({"width": 1200, "height": 1300})

    # A channel of a layer, by the controls.
    page.ask("setattr(view, 'steps', 15)")
    assert page.ask("view.settle()")
    root.locator("select").first.select_option(label="maximise a channel")
    layer = root.get_by_label("Layer")
    layer.fill("relu2")
    layer.press("Enter")
    wait_until(lambda: page.ask("view.settle() and [view.mode, view.result.layer]"), ["channel", "relu2"])
    expect(root.locator(".skw-section").first).to_contain_text("channel 0")

    # What is drawn, inverted at two layers.
    page.run(1)
    output = page.output(1)
    expect(output.locator(".skw-explorer-line")).to_contain_text("Draw a stroke")
    hand = Hand(page.page, output.locator(".skw-canvas"))
    for stroke in drawing[:4]:
        hand.stroke(stroke, speed=10)
    strokes = "inversion.settle() and [len(pad.sketch), list(inversion.result or [])]"
    wait_until(lambda: page.ask(strokes), [4, ["relu1", "relu3"]])
    expect(output.locator(".skw-section").first.locator(".skw-cell")).to_have_count(3)
    assert page.ask(
        "all(float(r.objective[-1, 0]) < 0.8 * float(r.objective[0, 0]) for r in inversion.result.values())"
    )
    for name, dark, width in (("dark", True, 1200), ("narrow", False, 500)):
        page.set_theme(dark=dark)
        page.resize(output, width, 1900)
        output.screenshot(path=pictures / f"reconstruction-invert-{name}.png")
        assert output.evaluate(_CUT_OFF) == [], name

"""The gallery of filters and the invariance plot in the page: clicks, sliders, choices, a stroke, and how they look."""

from _pointer import Hand
from _widgets import wait_until
from playwright.sync_api import expect

GALLERY = """
import torch, sketchwidgets as sw
from sketchwidgets.visualization.first_layer._gabor import gabor
rows = torch.tensor([[1, 0, 0, .1 + .17 * k, 2.2, 1, 3.5 + .3 * k, .3 * k, 0.] for k in range(18)])
noise = torch.randn(12, 11, 11, generator=torch.Generator().manual_seed(0))
filters = torch.cat([gabor(rows, 11, 11).float(), noise])[:, None] * torch.tensor([.3, .9, .2])[:, None, None]
gallery = sw.FilterGallery(torch.nn.Sequential(torch.nn.Conv2d(3, 30, 11)).eval())
gallery.network.module[0].weight.data = filters
gallery.refresh()
gallery
"""
PLOT = """
from kernel_side import recognizer
import ipywidgets
pad = sw.SketchPad()
plot = sw.InvariancePlot(recognizer(), pad, transform="rotation")
ipywidgets.VBox([pad, plot])
"""


def test_gallery_and_invariance_plot(notebook, drawing, pictures):
    page = notebook(GALLERY, PLOT, "", viewport={"width": 1250, "height": 1000})
    page.hide_side_bars()
    page.run(0)
    root = page.output(0)
    sections = root.locator(".skw-section")
    wait_until(lambda: page.ask("gallery.result and int(gallery.result.fits.gabor_like.sum())"), 18)
    expect(sections.nth(1)).to_contain_text("Gabor-like: 18 of 30")

    # A click on a fit shows its filter large; the controls sort and split anew.
    sections.nth(1).locator(".skw-cell").nth(12 + 4).click()
    chosen = page.ask("gallery.chosen")
    expect(sections.nth(0)).to_contain_text(f"Filter {chosen}")
    root.locator("select").select_option(label="wavelength")
    wait_until(lambda: page.ask("gallery.sort"), "wavelength")
    expect(sections.nth(1).locator(".skw-cell").first).to_have_text("0")
    handle = root.locator(".noUi-handle")
    handle.focus()
    for _ in range(3):
        page.page.keyboard.press("ArrowLeft")
    wait_until(lambda: round(page.ask("gallery.threshold"), 2), 0.65)
    page.looks(root, pictures / "gallery.png", height=1900)

    # A drawing in the page: its curves, its picture at a value, and the answer there.
    page.run(1)
    root = page.output(1)
    expect(root.locator(".skw-explorer-line")).to_contain_text("Draw a stroke")
    hand = Hand(page.page, root.locator(".skw-canvas"))
    hand.stroke(drawing[0], speed=20)
    wait_until(lambda: page.ask("[len(pad.sketch), plot.settle(60)]"), [1, True])
    page.ask(f"setattr(pad, 'sketch', sw.Sketch({[stroke[:, :2].tolist() for stroke in drawing]}))")
    wait_until(
        lambda: page.ask("[len(plot.result.sources.frames[0]), plot.settle(60)]"), [len(drawing), True]
    )
    expect(root.locator(".skw-curves .bqplot")).to_have_count(3)
    expect(root.locator(".skw-answers .skw-bar")).to_have_count(5)
    name = page.ask("plot.result.name(int(plot.result.answers[0, 0]))")
    expect(root.locator(".skw-answers-head b")).to_have_text(name)
    handle = root.locator(".noUi-handle").last
    picture = root.locator(".widget-image, .jupyter-widgets.widget-image").last
    before = picture.get_attribute("src")
    root.locator(".skw-explorer .slider-container").first.locator(".noUi-handle").focus()
    for _ in range(9):
        page.page.keyboard.press("ArrowRight")
    wait_until(lambda: page.ask("plot.value"), 90.0)
    expect(root).to_contain_text("90° clockwise")
    assert picture.get_attribute("src") != before

    # An example is a way to its value; another transform computes again.
    root.locator(".skw-section .skw-cell").last.click()
    wait_until(lambda: page.ask("plot.value"), 350.0)
    page.looks(root.locator(".skw-explorer"), pictures / "invariance.png", height=1900)
    root.locator("select").first.select_option(label="scale")
    wait_until(lambda: page.ask("[plot.settle(60), plot.result.transform, plot.value]"), [True, "scale", 1.0])
    expect(root).to_contain_text("1.00 times as large")
    with page.page.expect_download() as download:
        root.get_by_role("button", name="SVG", exact=True).click()
    assert download.value.suggested_filename == "Invariance-to-scale.svg"

"""Occlusion maps in the page: pointed at, kept, moved by key, computed anew."""

from _pointer import Hand
from _widgets import draw_for, wait_until
from playwright.sync_api import expect

EXPLORER = """
import sketchwidgets as sw
from kernel_side import recognizer
pad = sw.SketchPad()
explorer = sw.OcclusionExplorer(recognizer(), pad, size=48, stride=24)
display(pad)
explorer
"""
_SHOWN = """(canvas) => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
  let sum = 0;
  for (let i = 0; i < data.length; i += 4) sum += 255 - data[i];
  return Math.round(sum / 255);
}"""


def test_pointing_covers_the_drawing(notebook, drawing, pictures):
    page = notebook(EXPLORER, "", viewport={"width": 1200, "height": 1500})
    pad, explorer = draw_for(page, drawing, "Draw a stroke")
    root, view = page.output(0), explorer.locator(".skw-occlusion")
    answer = view.locator(".skw-occ-answer")
    expect(answer).to_contain_text("Without a patch the network says")
    rows = answer.locator(".skw-occ-row")
    expect(rows).to_have_count(5)
    names = page.ask("[n for n, p in explorer.network.top(explorer.network.prepare(pad.sketch))[0]]")
    assert [row.locator(".skw-occ-name").inner_text() for row in rows.all()] == names

    # Where the patch takes most ink away, found by the kernel.
    row, column, top, left = page.ask(
        "(lambda o: (lambda c: [*c, *o.boxes[tuple(c)][:2].tolist()])"
        "(max(((r, c) for r in range(o.done.shape[0]) for c in range(o.done.shape[1])),"
        " key=lambda c: float((o.image - o.occluded(*c)).sum()))))(explorer.result)"
    )
    ink = "int((explorer.result.{}).sum())"
    whole = page.ask(ink.format("image"))
    seen = view.locator("[data-map=occluded] canvas")
    assert abs(seen.evaluate(_SHOWN) - whole) <= 0.02 * whole
    cells = page.ask("list(explorer.result.activity.shape)")
    canvas = view.locator("[data-map=probability] canvas")
    box = canvas.bounding_box()
    position = {
        "x": (column + 0.5) / cells[1] * box["width"],
        "y": (row + 0.5) / cells[0] * box["height"],
    }
    spoken = view.get_by_role("status").and_(view.locator(".skw-spoken"))
    canvas.hover(position=position)
    expect(answer).to_contain_text(f"Patch at row {top}, column {left}")
    covered = page.ask(ink.format(f"occluded({row}, {column})"))
    assert abs(seen.evaluate(_SHOWN) - covered) <= 0.02 * whole
    said = page.ask(
        f"[explorer.network.class_name(i) for i in explorer.result.top_classes[{row}, {column}].tolist()]"
    )
    assert [item.locator(".skw-occ-name").inner_text() for item in rows.all()] == said
    assert page.ask("explorer.cell") is None
    expect(spoken).to_have_text("")
    expect(view.locator("[aria-live]")).to_have_count(0)
    # A click keeps it when the pointer leaves, and only then it is read aloud.
    canvas.click(position=position)
    page.page.mouse.move(5, 5)
    wait_until(lambda: page.ask("explorer.cell"), [row, column])
    expect(answer).to_contain_text(f"Patch at row {top}, column {left}")
    expect(view.locator("[data-map=heat] .skw-occ-kept")).to_be_visible()
    expect(spoken).to_contain_text(f"Patch at row {top}, column {left}: ")

    page.looks(explorer, pictures / "occlusion.png", narrow=500, height=2400)

    # Arrow keys move it, Escape takes it away; JupyterLab's own shortcuts stay out.
    view.locator(".skw-occ-stage").focus()
    page.page.keyboard.press("ArrowRight" if column == 0 else "ArrowLeft")
    wait_until(lambda: page.ask("explorer.cell"), [row, 1 if column == 0 else column - 1])
    view.locator(".skw-occ-stage").focus()  # asking the kernel has moved it
    page.page.keyboard.press("Escape")
    wait_until(lambda: page.ask("explorer.cell"), None)
    expect(spoken).to_contain_text("No patch: ")
    expect(answer).to_contain_text("Without a patch the network says")

    # Other settings, from the page.
    controls = root.locator(".skw-explorer-controls")
    controls.locator(".widget-dropdown", has_text="Filled with").locator("select").select_option(
        label="noise"
    )
    wait_until(lambda: page.ask("[explorer.fill, explorer.settle()]"), ["noise", True])
    stride = controls.locator(".widget-text", has_text="Stride").locator("input")
    stride.fill("24")
    stride.press("Enter")
    wait_until(lambda: page.ask("[explorer.stride, explorer.settle()]"), [24, True])
    assert page.ask("list(explorer.result.activity.shape)") == [3, 3]
    wait_until(lambda: view.locator("[data-map=label] canvas").evaluate("(canvas) => canvas.width"), 3)
    with page.page.expect_download() as download:
        view.get_by_role("button", name="SVG").click()
    assert download.value.suggested_filename == "Occlusion.svg"

    pad.button("Clear").click()
    expect(view.locator(".skw-occ-stage")).to_be_hidden()


MAPS = """
import torch, sketchwidgets as sw
torch.manual_seed(0)
layers = torch.nn.Conv2d(1, 4, 5), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten()
image = torch.rand(1, 1, 32, 32)
maps = sw.show(sw.occlusion(torch.nn.Sequential(*layers).eval(), image, size=8, stride=8, progress=False))
maps
"""
_SCROLLED = "(element) => element.closest('.jp-WindowedPanel-outer, .jp-Notebook').scrollTop"


def test_one_button_and_a_tap_keep_a_place_and_a_finger_scrolls(notebook):
    page = notebook(
        MAPS, "maps", *["'more'"] * 30, "", has_touch=True, viewport={"width": 1000, "height": 700}
    )
    page.run(0)
    view = page.output(0)
    canvas = view.locator("[data-map=heat] canvas")
    for button in ("middle", "right"):
        canvas.click(button=button, position={"x": 100, "y": 100})
        page.page.keyboard.press("Escape")  # the menu of JupyterLab
    assert page.ask("maps.cell") is None
    canvas.tap(position={"x": 100, "y": 100})
    wait_until(lambda: page.ask("maps.cell"), [1, 1])
    canvas.tap(position={"x": 160, "y": 40})
    wait_until(lambda: page.ask("maps.cell"), [0, 2])
    canvas.tap(position={"x": 160, "y": 40})  # the one that is kept
    wait_until(lambda: page.ask("maps.cell"), None)

    canvas.scroll_into_view_if_needed()
    before = canvas.evaluate(_SCROLLED)
    finger = Hand(page.page, canvas, pointer="touch")
    finger.stroke([(200, 390 - 25 * k, 20 * k) for k in range(14)])
    wait_until(lambda: canvas.evaluate(_SCROLLED) > before, True)
    assert page.ask("maps.cell") is None


def test_a_view_that_goes_from_under_the_pointer_points_nowhere(notebook):
    page = notebook(MAPS, "maps", "", viewport={"width": 1100, "height": 1400})
    page.run(0, 1)
    other = page.output(1).locator(".skw-occ-answer")
    page.output(0).locator("[data-map=heat] canvas").hover(position={"x": 100, "y": 100})
    expect(other).to_contain_text("Patch at row")
    page.clear_output(0)
    expect(other).to_contain_text("Without a patch")

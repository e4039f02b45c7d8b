"""Occlusion maps in the page: pointed at, kept, moved by key, computed anew."""

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
    canvas.hover(position=position)
    expect(answer).to_contain_text(f"Patch at row {top}, column {left}")
    covered = page.ask(ink.format(f"occluded({row}, {column})"))
    assert abs(seen.evaluate(_SHOWN) - covered) <= 0.02 * whole
    said = page.ask(
        f"[explorer.network.class_name(i) for i in explorer.result.top_classes[{row}, {column}].tolist()]"
    )
    assert [item.locator(".skw-occ-name").inner_text() for item in rows.all()] == said
    assert page.ask("explorer.cell") is None
    # A click keeps it when the pointer leaves.
    canvas.click(position=position)
    page.page.mouse.move(5, 5)
    wait_until(lambda: page.ask("explorer.cell"), [row, column])
    expect(answer).to_contain_text(f"Patch at row {top}, column {left}")
    expect(view.locator("[data-map=heat] .skw-occ-kept")).to_be_visible()

    page.looks(explorer, pictures / "occlusion.png", narrow=500, height=2400)

    # Arrow keys move it, Escape takes it away; JupyterLab's own shortcuts stay out.
    view.locator(".skw-occ-stage").focus()
    page.page.keyboard.press("ArrowRight" if column == 0 else "ArrowLeft")
    wait_until(lambda: page.ask("explorer.cell"), [row, 1 if column == 0 else column - 1])
    view.locator(".skw-occ-stage").focus()  # asking the kernel has moved it
    page.page.keyboard.press("Escape")
    wait_until(lambda: page.ask("explorer.cell"), None)
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

"""The three rules on a drawing in the page: walk down the steps, choose a place, draw on."""

import re

from _widgets import draw_for, wait_until
from playwright.sync_api import expect

EXPLORER = """
import sketchwidgets as sw
from kernel_side import sketch_a_net
pad = sw.SketchPad()
explorer = sw.RuleExplorer(sketch_a_net(), pad, layer="relu2")
display(pad)
explorer
"""
# In how many columns the tables of numbers stand.
COLUMNS = "(tables) => new Set(tables.map((table) => Math.round(table.getBoundingClientRect().x))).size"
_SIDE_BY_SIDE = 4  # a forward map and three rules


def test_a_unit_is_followed_down_the_steps(notebook, drawing, pictures):
    page = notebook(EXPLORER, "", viewport={"width": 1250, "height": 1400})
    pad, explorer = draw_for(page, drawing, "Draw a stroke")
    cells = explorer.locator(".skw-cell")
    steps = page.ask("[step.title for step in explorer.result.steps]")
    assert steps == ["relu2", "conv2", "pool1", "relu1", "conv1"]
    expect(cells).to_have_count(_SIDE_BY_SIDE * (1 + 2 + len(steps)))

    # The first ReLU below the layer, where the rules part; then a step down by the button, and up by a click on a row.
    assert page.ask("explorer.view.figure.sections[1].title").startswith("4. relu1")
    detail = explorer.locator(".skw-section").nth(1)
    expect(detail).to_contain_text("relu1")
    expect(explorer).to_contain_text("(x > 0 and R > 0)")
    for width, columns in ((930, 2), (500, 1), (1250, 4)):  # of the tables of numbers, never 3 and 1
        page.page.set_viewport_size({"width": width, "height": 1400})
        wait_until(lambda: explorer.locator("table").evaluate_all(COLUMNS), columns)
    page.looks(explorer, pictures / "rules.png", height=2600)
    explorer.get_by_role("button", name="Down").click()
    expect(detail).to_contain_text("conv1")
    expect(explorer.get_by_role("button", name="Down")).to_be_disabled()
    explorer.locator(".skw-section").nth(2 + steps.index("pool1")).locator(".skw-cell").nth(1).click()
    expect(detail).to_contain_text("switches in use")
    assert page.ask("explorer.step") == "pool1"
    explorer.screenshot(path=pictures / "rules-pool.png")

    # A place in a lower picture: its numbers.
    explorer.get_by_role("button", name="Down").click()
    expect(detail).to_contain_text("relu1")
    picture = detail.locator(".skw-cell").nth(_SIDE_BY_SIDE + 1).locator("canvas")
    box = picture.bounding_box()
    place = {"x": 0.2 * box["width"], "y": 0.3 * box["height"]}
    picture.hover(position=place)
    picture.click(position=place)
    wait_until(lambda: page.ask("explorer._place is not None"), True)
    channel, row, column = page.ask("explorer._place")
    expect(explorer).to_contain_text(f"channel {channel}, around row {row}, column {column}")
    numbers = explorer.locator("table").first.locator("td").all_inner_texts()
    x = page.ask(f"explorer.result.step('relu1').forward_input[{channel}, {row}, {column}].item()")
    assert float(re.sub("−", "-", numbers[12])) == float(f"{x:.3g}")

    # Drawing on computes anew, and stays at the step.
    before = page.ask("explorer.result.activation")
    pad.hand().stroke([(60, 60), (340, 60)], speed=10)
    wait_until(lambda: page.ask("[len(pad.sketch), explorer.settle()]"), [len(drawing) + 1, True])
    assert page.ask("explorer.result.activation") != before
    expect(detail).to_contain_text("relu1")

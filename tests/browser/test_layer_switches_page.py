"""Layers and channels switched off in the page, by pointer and by key, while a drawing grows."""

from _widgets import draw_for, wait_until
from playwright.sync_api import expect

SWITCHES = """
import sketchwidgets as sw
from kernel_side import recognizer
pad = sw.SketchPad()
explorer = sw.LayerSwitches(recognizer(), pad, layers=["stage3.1.relu2", "stage4.1.relu2"])
display(pad)
explorer
"""


def test_switched_off_and_measured(notebook, drawing, pictures):
    page = notebook(SWITCHES, "", viewport={"width": 1250, "height": 1400})
    pad, switches = draw_for(page, drawing, "Draw a stroke to see which layers and channels it takes")
    rows = switches.locator(".skw-section")
    first, last = (rows.nth(row).locator(".skw-cell") for row in (0, 1))
    expect(rows).to_have_count(2)
    expect(first).to_have_count(12)
    expect(switches).to_contain_text("Everything is on")

    # A click crosses a channel out, and the network is asked again.
    channel = first.nth(1).inner_text().strip()
    first.nth(1).click()
    expect(first.nth(1)).to_have_attribute("aria-pressed", "true")
    wait_until(
        lambda: page.ask("[explorer.settle(), list(explorer.result.said.off.items())]"),
        [True, [["stage3.1.relu2", [int(channel)]]]],
    )
    expect(switches).to_contain_text(f"stage3.1.relu2/{channel} off")
    # By key: to the whole of the last layer, and back on.
    last.nth(0).focus()
    page.page.keyboard.press("ArrowRight")
    expect(last.nth(1)).to_be_focused()
    page.page.keyboard.press("ArrowLeft")
    page.page.keyboard.press("Enter")
    for tile in (0, 5):
        expect(last.nth(tile)).to_have_attribute("aria-pressed", "true")
    layer = "stage4.1.relu2"
    wait_until(lambda: page.ask(f"[explorer.settle(), explorer.result.said.off[{layer!r}]]"), [True, None])
    expect(switches).to_contain_text(f"{layer} off")
    # What each is worth; more of a row; then one stroke less, of which that is not known.
    switches.get_by_role("button", name="Which matter?").click()
    expect(rows.nth(1)).to_contain_text("without it", timeout=120_000)
    page.looks(switches, pictures / "switches.png")
    first.last.click()
    expect(first).to_have_count(1 + 192 + 1)
    switches.get_by_role("button", name="All on").click()
    expect(switches).to_contain_text("Everything is on")
    expect(switches.locator(".skw-crossed")).to_have_count(0)
    pad.button("Undo").click()
    wait_until(lambda: page.ask("[explorer.settle(), len(explorer.result.worth)]"), [True, 0])
    expect(rows.nth(1)).not_to_contain_text("without it")
    expect(switches.locator(".skw-error:visible")).to_have_count(0)

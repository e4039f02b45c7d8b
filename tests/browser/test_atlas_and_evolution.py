"""The atlas browser and the evolution player in a page: search, click, draw, turn pages, play, export."""

import pytest
from _widgets import wait_until
from playwright.sync_api import expect

ATLAS = """
import numpy as np, torch, sketchwidgets as sw
from kernel_side import recognizer
turns = np.linspace(0, 2 * np.pi, 30)
def ring(x, y, r):
    return np.stack([x + r * np.cos(turns), y + r * np.sin(turns)], 1)
face = sw.Sketch([ring(100, 100, 90), ring(70, 75, 10), ring(130, 75, 10), np.array([[65, 130], [100, 150], [135, 130]])])
pad = sw.SketchPad()
browser = sw.Atlas(network=recognizer(), source=pad, layer="relu5", channel=17)
browser
"""
PLAYER = """
def net(seed, scale):
    torch.manual_seed(seed)
    made = torch.nn.Sequential(torch.nn.Conv2d(1, 8, 11, 4), torch.nn.ReLU(), torch.nn.MaxPool2d(2), torch.nn.Conv2d(8, 12, 5), torch.nn.ReLU()).eval()
    return made
images = sw.SketchImages([[ring(*np.random.default_rng(k).uniform(20, 80, 3)), ring(60, 50 + k, 20)] for k in range(24)], labels=[k % 3 for k in range(24)], size=112, extent=100)
evolution = sw.evolution({1: net(0, 1), 2: net(0, 2), 5: net(1, 1), 20: net(2, 1)}, net(0, 1), images, channels=6,
    classes=["cat", "dog", "house"], progress=False)
player = sw.show(evolution)
player
"""


@pytest.fixture
def lab_page(notebook):
    page = notebook(ATLAS, PLAYER, "", viewport={"width": 1300, "height": 1400}, accept_downloads=True)
    page.hide_side_bars()
    return page


def shots(page, root, pictures, name):
    """Light and dark, wide and narrow."""
    for theme, dark in (("light", False), ("dark", True)):
        page.set_theme(dark=dark)
        for size, width in (("wide", 1300), ("narrow", 560)):
            page.page.set_viewport_size({"width": width, "height": 2200})
            page.page.wait_for_timeout(400)
            root.screenshot(path=pictures / f"{name}-{size}-{theme}.png")
    page.set_theme(dark=False)
    page.page.set_viewport_size({"width": 1300, "height": 1400})


def test_the_atlas_is_searched_clicked_through_and_follows_a_drawing(lab_page, pictures, tmp_path):
    page = lab_page
    page.run(0)
    root = page.output(0)
    expect(root.locator(".skw-cell")).to_have_count(48 + 9 + 9)
    expect(root).to_contain_text("relu5 · channel 17")
    assert page.ask("browser.settle()")

    # A click on a channel shows its images.
    overview = root.locator(".skw-tile-grid").first
    overview.locator(".skw-cell").nth(5).click()
    wait_until(lambda: page.ask("browser.channel"), 5)
    expect(root).to_contain_text("relu5 · channel 5")

    # A drawing: its channels are framed, and the one in full is shown on it.
    page.ask("setattr(pad, 'sketch', face)")
    expect(root).to_contain_text("On your drawing")
    assert page.ask("browser.settle()")
    assert page.ask("len(browser.excited())") == 9
    shots(page, root, pictures, "atlas")
    root.get_by_label("Order").select_option("by my drawing")
    wait_until(lambda: page.ask("browser.result.channels[0] == browser.excited()[0][0]"), True)

    # Search by class, by number; another layer; pages.
    find = root.get_by_placeholder("number, dead, or a class")
    find.fill("eye")
    find.press("Enter")
    wait_until(
        lambda: page.ask("browser.result.layer + ' ' + str(len(browser.result.channels) < 256)"), "relu5 True"
    )
    find.fill("")
    find.press("Enter")
    root.get_by_label("Layer").select_option("relu6")
    wait_until(lambda: page.ask("[browser.result.layer, len(browser.result.channels)]"), ["relu6", 512])
    root.get_by_title("Channels after").click()
    wait_until(lambda: page.ask("browser.result.page"), 1)
    expect(root).to_contain_text("page 2 of 11")
    assert page.ask("browser.settle()")
    with page.page.expect_download() as download:
        root.get_by_role("button", name="PNG", exact=True).nth(1).click()
    assert download.value.suggested_filename.endswith(".png")
    assert page.errors == []


def test_the_evolution_is_played_and_laid_out_as_in_the_paper(lab_page, pictures):
    page = lab_page
    page.run(0, 1)
    page.ask("browser.close()")
    root = page.output(1)
    expect(root.locator(".skw-cell")).to_have_count(12)
    expect(root).to_contain_text("epoch 1 of 20")
    root.get_by_title("Play").first.click()
    wait_until(lambda: page.ask("player.epoch"), 3)
    expect(root).to_contain_text("epoch 20 of 20")
    assert page.ask("[t.caption for t in player.figure.sections[0].tiles]") == page.ask(
        "[f'{c} · ' + evolution.tile('1', c, 3).caption for c in evolution['1'].channels.tolist()]"
    )
    shots(page, root, pictures, "evolution")
    root.get_by_label("all epochs as columns").check()
    expect(root.locator(".skw-cell")).to_have_count(12 * 4)
    root.get_by_label("images").check()
    wait_until(lambda: page.ask("player.patches"), True)
    root.get_by_label("images").uncheck()
    root.get_by_label("Layer").select_option("4")
    expect(root.locator(".skw-cell")).to_have_count(6 * 4)
    shots(page, root, pictures, "evolution-columns")
    assert page.errors == []

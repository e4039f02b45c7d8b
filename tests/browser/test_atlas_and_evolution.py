"""The atlas browser and the evolution player in a page: search, click, draw, turn pages, play, export."""

from _widgets import wait_until
from playwright.sync_api import expect

ATLAS = """
import numpy as np, torch, sketchwidgets as sw
from kernel_side import sketch_a_net
turns = np.linspace(0, 2 * np.pi, 30)
def ring(x, y, r):
    return np.stack([x + r * np.cos(turns), y + r * np.sin(turns)], 1)
face = sw.Sketch([ring(100, 100, 90), ring(70, 75, 10), ring(130, 75, 10), np.array([[65, 130], [100, 150], [135, 130]])])
pad = sw.SketchPad()
atlas = sw.FeatureAtlas.bundled("sketch-a-net-quickdraw345")
browser = sw.Atlas(atlas, sketch_a_net(), pad, layer="relu5", channel=17)
browser
"""
PLAYER = """
from torch import nn
def net(seed):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 8, 9, 2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 12, 5), nn.ReLU()).eval()
places = np.random.default_rng(0).uniform(20, 80, (24, 3))
images = sw.SketchImages([[ring(*place), ring(60, 50 + k, 20)] for k, place in enumerate(places)],
    labels=[k % 3 for k in range(24)], size=56, extent=50, stroke_width=2)
evolution = sw.evolution({1: net(0), 2: net(0), 5: net(1), 20: net(2)}, net(0), images, channels=6,
    classes=["cat", "dog", "house"], progress=False)
player = sw.show(evolution)
player
"""


def test_an_atlas_is_searched_and_an_evolution_played(notebook, pictures):
    page = notebook(ATLAS, PLAYER, "", viewport={"width": 1300, "height": 1400})
    page.hide_side_bars()
    page.run(0)
    look_through_the_atlas(page, page.output(0), pictures)
    page.ask("browser.close()")
    page.run(1)
    play(page, page.output(1), pictures)
    assert page.errors == []


def look_through_the_atlas(page, root, pictures):
    overview = root.locator(".skw-tile-grid").first
    expect(root.locator(".skw-cell")).to_have_count(48 + 9 + 9)
    expect(root).to_contain_text("relu5 · channel 17")

    # A click on a channel shows its images.
    overview.locator(".skw-cell").nth(5).click()
    expect(root).to_contain_text("relu5 · channel 5")

    # A drawing: its channels are framed, and the one in full is shown on it.
    page.ask("setattr(pad, 'sketch', face)")
    expect(root).to_contain_text("On your drawing")
    assert page.ask("[browser.settle(), browser.channel, len(browser.excited())]") == [True, 5, 9]
    page.looks(root, pictures / "atlas.png", height=2200)
    root.get_by_label("Order").select_option("by my drawing")
    wait_until(lambda: page.ask("browser.result.channels[0] == browser.excited()[0][0]"), True)

    # Search by class; another layer; pages.
    find = root.get_by_placeholder("number, dead, or a class")
    find.fill("eye")
    find.press("Enter")
    root.get_by_label("Order").select_option("by number")
    eyes = "list(browser.result.channels) == [c for _, c in browser.atlas.find('eye', 'relu5')]"
    wait_until(lambda: page.ask(f"[browser.settle(), {eyes}]"), [True, True])
    find.fill("")
    find.press("Enter")
    root.get_by_label("Layer").select_option("relu6")
    now = "[browser.settle(), browser.result.layer, len(browser.result.channels)]"
    wait_until(lambda: page.ask(now), [True, "relu6", 512])
    expect(root).to_contain_text("of 11")
    before = page.ask("browser.page")
    root.locator("button[title='Channels after']").click()
    expect(root).to_contain_text(f"page {before + 2} of 11")
    assert page.ask("browser.settle()")
    with page.page.expect_download() as download:
        root.get_by_role("button", name="PNG", exact=True).nth(1).click()
    assert download.value.suggested_filename == f"relu6-channel-{page.ask('browser.channel')}.png"


def play(page, root, pictures):
    expect(root.locator(".skw-cell")).to_have_count(12)
    expect(root).to_contain_text("epoch 20 of 20")
    page.ask(
        "globals().update(seen=[]) or player.observe(lambda change: seen.append(change['new']), 'epoch')"
    )
    root.locator(".widget-play button").first.click()  # from the end it begins anew
    wait_until(lambda: page.ask("seen"), [0, 1, 2, 3])
    expect(root).to_contain_text("epoch 20 of 20")
    shown = page.ask("[tile.caption for tile in player.figure.sections[0].tiles]")
    assert shown == page.ask(
        "[f'{c} · ' + evolution.tile('1', c, 3).caption for c in evolution['1'].channels.tolist()]"
    )
    page.looks(root, pictures / "evolution.png", height=2200)
    root.get_by_label("all epochs as columns").check()
    expect(root.locator(".skw-cell")).to_have_count(12 * 4)
    root.get_by_role("checkbox", name="images").check()
    wait_until(lambda: page.ask("player.patches"), True)
    root.get_by_role("checkbox", name="images").uncheck()
    root.get_by_label("Layer").select_option("4")
    expect(root.locator(".skw-cell")).to_have_count(6 * 4)
    page.looks(root, pictures / "evolution-columns.png", height=2200)

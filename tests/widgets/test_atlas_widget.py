"""The atlas browser without a page: what is found, shown, projected and saved."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets import models

PATIENCE = 60
BUNDLED = Path(models.__file__).parent / "atlases"


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 60, 5, 2), nn.ReLU(), nn.Conv2d(60, 6, 3), nn.ReLU())
    with torch.no_grad():
        net[2].bias[4] = -100.0  # a dead channel
    return sw.Network(net.eval(), size=33, name="tiny", ink="positive")


@pytest.fixture(scope="module")
def sketches():
    rng = np.random.default_rng(0)
    return [sw.Sketch([rng.uniform(0, 90, (5, 2)), rng.uniform(0, 90, (4, 2))]) for _ in range(14)]


@pytest.fixture(scope="module")
def of_drawings(network, sketches):
    images = sw.SketchImages(sketches, labels=[i % 2 for i in range(14)], **network.preprocessing.to_dict())
    return sw.atlas(network, images, classes=["cat", "dog"], progress=False)


@pytest.fixture
def browser(network, of_drawings):
    made = sw.Atlas(of_drawings, network, layer="1")
    assert made.settle(PATIENCE)
    yield made
    made.close()


def settled(browser, **values):
    for name, value in values.items():
        setattr(browser, name, value)
    assert browser.settle(PATIENCE)
    return browser.result


def captions(figure):
    return [tile.caption for section in figure.sections for tile in section.tiles]


def test_the_first_of_the_order_is_shown_until_one_is_chosen(of_drawings, network):
    made = sw.Atlas(of_drawings, network, order="activation")
    assert made.settle(30)
    assert made.layer == list(of_drawings)[1]  # in the middle
    assert made.channel == made.result.channels[0] != 0
    made.channel = chosen = made.result.channels[2]
    made.order = "number"
    assert made.settle(30)
    assert made.result.channel == chosen
    made.close()


def test_pages_of_channels_and_one_in_full(browser, of_drawings):
    view = browser.result
    assert (view.layer, view.channel, view.page) == ("1", 0, 0)
    assert [caption.split(" · ")[0] for caption in captions(view.overview)] == [str(c) for c in range(48)]
    assert len(captions(view.projected)) == len(captions(view.patches)) == 9
    assert captions(view.patches)[0].startswith(of_drawings.class_of(of_drawings["1"].images[0, 0]))
    browser.turn(1)
    assert browser.settle(PATIENCE)
    assert browser.page == 1
    assert len(captions(browser.result.overview)) == 12
    assert browser.channel == 0  # turning a page does not change the channel
    browser._click(3)
    assert browser.settle(PATIENCE)
    assert browser.result.channel == browser.channel == 51
    browser.step(20)
    assert browser.settle(PATIENCE)
    assert (browser.channel, browser.page) == (11, 0)  # round and round, and the page follows


def test_search_order_and_dead_channels(browser, of_drawings):
    assert settled(browser, search="7").channels == (7,)
    assert browser.channel == 7
    assert settled(browser, search="no such thing").channels == ()
    assert browser.result.overview.sections[0].tiles[0].label == "none found"
    found = settled(browser, search="cat").channels
    assert found == tuple(channel for _, channel in of_drawings.find("cat", "1"))
    view = settled(browser, search="", order="activation")
    strongest = [float(of_drawings["1"].activations[c, 0]) for c in view.channels]
    assert strongest == sorted(strongest, reverse=True)
    view = settled(browser, layer="3", search="dead")
    assert view.channels == (4,)
    assert view.overview.sections[0].tiles[0].label == "dead"
    assert {tile.label for tile in view.projected.sections[0].tiles} == {"dead"}


def test_a_drawing_orders_and_frames_the_channels_and_is_projected(browser, network, sketches, of_drawings):
    view = settled(browser, source=sketches[3], order="my drawing")
    image = of_drawings.image(3) if 3 in of_drawings.labels else network.prepare(sketches[3])
    peaks = network.module[:2](network.prepare(sketches[3])).amax((2, 3))[0].detach()
    shares = peaks / of_drawings["1"].activations[:, 0]
    shares[of_drawings["1"].dead] = 0
    assert view.excitement.tolist() == pytest.approx(shares.tolist(), rel=1e-4)
    assert image.shape == (1, 1, 33, 33)
    assert view.channels[0] == int(shares.argmax()) == browser.excited()[0][0]
    framed = [tile for tile in view.overview.sections[0].tiles if tile.boxes]
    assert 0 < len(framed) <= 9
    own = settled(browser, channel=view.channels[0]).own.sections[0].tiles
    found = sw.project(network.module, network.prepare(sketches[3]), "1", channels=[view.channels[0]])["1"]
    assert own[1].boxes == (tuple(found.boxes[0, 0].tolist()),)
    assert settled(browser, source=None).own.sections == ()


def test_projected_overview_rule_and_files(browser, network, of_drawings, tmp_path):
    view = settled(browser, display="projections", rule="guided", layer="3", channel=2)
    tiles = view.overview.sections[0].tiles
    assert [tile.label for tile in tiles] == [None, None, None, None, "dead", None]
    want = of_drawings.projections("3", 2, network, "guided")[0]
    assert np.array_equal(tiles[2].pixels, sw.Tile.signed(want).pixels)
    browser.save_picture(tmp_path / "channel.svg")
    browser.save_picture(tmp_path / "channel.png")
    assert "channel 2" in (tmp_path / "channel.svg").read_text()


def test_stored_pictures_need_no_network(network, sketches, tmp_path):
    images = torch.cat([network.prepare(sketch) for sketch in sketches])
    found = sw.atlas(network, images, top=4, progress=False)
    found.save(tmp_path)
    browser = sw.Atlas(tmp_path)
    assert browser.settle(PATIENCE)
    assert len(captions(browser.result.projected)) == 4
    assert browser._network is None
    browser.close()
    shown = sw.show(found)
    assert isinstance(shown, sw.Atlas)
    assert shown.settle(PATIENCE)
    shown.close()


def test_the_bundled_network_does_not_project_the_atlas_of_another(of_drawings):
    browser = sw.Atlas(of_drawings)
    assert browser.settle(PATIENCE)
    assert browser.result.projected.sections == ()
    assert len(captions(browser.result.patches)) == 9
    browser.close()


@pytest.mark.parametrize("folder", sorted(BUNDLED.iterdir()), ids=lambda folder: folder.name)
def test_a_bundled_atlas_is_of_the_bundled_recogniser_of_its_name_and_small(folder):
    assert sum(path.stat().st_size for path in folder.iterdir()) < 5e6
    assert "CC BY 4.0" in (folder / "README.md").read_text()
    found = sw.FeatureAtlas.bundled(folder.name)
    recognizer = sw.Recognizer.load(folder.name, device="cpu")
    assert "CC BY 4.0" in found.facts["license"]
    assert found.is_of(recognizer)
    assert found.classes == recognizer.classes
    # It says what the network says: for each of some channels, the drawing excites it as much as is written.
    layers = tuple(found)
    for layer, live in ((layers[0], 3), (layers[len(layers) // 2], 17), (layers[-1], 100)):
        units = found[layer]
        channel = found.live(layer)[live % len(found.live(layer))]
        again = found.project(recognizer, layer, channel)
        assert again.activations[:, 0].tolist() == pytest.approx(
            units.activations[channel].tolist(), rel=1e-3
        )
        # Of tied positions, rounding decides.
        assert (again.positions[:, 0] == units.positions[channel]).all(1).float().mean() >= 0.8


def test_a_bundled_atlas_is_projected_by_its_own_recogniser():
    browser = sw.show(sw.FeatureAtlas.bundled("sketch-a-net-quickdraw345"))
    assert browser.settle(PATIENCE)
    assert browser.network.name == "sketch-a-net-quickdraw345"
    assert len(captions(browser.result.projected)) == 9
    browser.close()


def test_the_atlas_of_sketch_a_net_has_every_channel():
    found = sw.FeatureAtlas.bundled("sketch-a-net-quickdraw345")
    assert {name: len(units) for name, units in found.items()} == {
        "relu1": 64, "relu2": 128, "relu3": 256, "relu4": 256, "relu5": 256, "relu6": 512, "relu7": 512,
    }  # fmt: skip


def test_bad_arguments_are_named(of_drawings, network, tmp_path):
    with pytest.raises(TraitError, match="no layer 'relu9'"):
        sw.Atlas(of_drawings, network, layer="relu9")
    with pytest.raises(TraitError, match="no channel 99"):
        sw.Atlas(of_drawings, network, layer="3", channel=99)
    with pytest.raises(FileNotFoundError, match="no folder"):
        sw.Atlas(tmp_path / "nowhere")
    with pytest.raises(TypeError, match="feature_atlas"):
        sw.Atlas(42)

"""Looking into a network: the results against sw.project, the pictures, and the widget's settings."""

import gc
import threading

import numpy as np
import pytest
import torch
from _networks import HOUSE, chain, skipping
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.visualization.projection._figure import field_windows
from sketchwidgets.widgets.projections._look import LookSettings, look
from sketchwidgets.widgets.projections._look_figure import patch, peak, strength


@pytest.fixture
def photo():
    return (np.random.default_rng(4).random((60, 70, 3)) * 255).astype(np.uint8)


@pytest.fixture
def panels():
    """Makes ProjectionPanels that have settled, and closes them."""
    made = []

    def make(*args, **kwargs):
        made.append(sw.ProjectionPanels(*args, **kwargs))
        assert made[-1].settle()
        return made[-1]

    yield make
    for widget in made:
        widget.close()


def last(network, source, **settings):
    *_, result = look(network, network.prepare(source), LookSettings(**settings))
    return result


# Results


@pytest.mark.parametrize("rule", ["guided", "deconvnet", "backprop"])
@pytest.mark.parametrize("signal", ["activation", "unit"])
def test_layers_are_those_of_project(rule, signal, photo):
    network = skipping()
    result = last(network, photo, rule=rule, signal=signal, top=3)
    image = network.prepare(photo)
    expected = sw.project(network.module, image, list(network.layers()), top=3, rule=rule, signal=signal)
    assert list(result.projections) == list(expected) == list(network.layers())
    for layer, projection in expected.items():
        assert torch.equal(result.projections[layer].images, projection.images)
    assert result.maps[network.layers()[0]][0] == 8
    assert result.complete
    scores = network.scores(image)[0]
    assert result.top[0] == (network.classes[int(scores.argmax())], pytest.approx(float(scores.max())))


def test_relevance_is_passed_on(photo):
    network = chain()
    relevance = last(network, photo, convolution="relevance", top=2)
    expected = sw.project(
        network.module, network.prepare(photo), "4", top=2, rule="guided", convolution="relevance"
    )
    assert torch.equal(relevance.projections["4"].images, expected["4"].images)
    assert not torch.equal(
        relevance.projections["4"].images, last(network, photo, top=2).projections["4"].images
    )


@pytest.mark.parametrize("make", [chain, skipping])
def test_a_class_score_is_traced_from_where_it_is_made(make):
    # The scores of one network come out of a module, those of the other out of none.
    network = make()
    result = last(network, HOUSE, signal="class", rule="backprop", class_index=2)
    image = network.prepare(HOUSE).requires_grad_()
    (gradient,) = torch.autograd.grad(network.module(image)[0, 2], image)
    assert torch.allclose(result.class_projection.images[0, 0], gradient[0], atol=1e-6)
    assert result.class_name == "cat"
    assert result.figure().sections[0].title == "What speaks for cat"
    most = last(network, HOUSE, signal="class")
    assert most.class_name == most.top[0][0]


def test_whole_maps_are_chosen_by_what_excites():
    network = chain()
    with torch.no_grad():
        network.module[3].bias[:5] = -100.0  # large maps, but all negative
    result = last(network, HOUSE, signal="map", layers=("3",), top=4)
    image = network.prepare(HOUSE)
    maps = network.module[:4](image)[0].clamp_min(0)
    expected = maps.square().sum((1, 2)).topk(4).indices
    assert result.projections["3"].channels[0].tolist() == expected.tolist()
    assert result.projections["3"].dead[0].tolist() == (maps[expected].amax((1, 2)) == 0).tolist()


class ChannelsLast(nn.Module):
    """As in ConvNeXt: between two convolutions, channels come last."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 6, 5, stride=2)
        self.norm = nn.LayerNorm(6)
        self.wider = nn.Linear(6, 10)
        self.act = nn.GELU()

    def forward(self, images):
        return self.act(self.wider(self.norm(self.conv(images).permute(0, 2, 3, 1)))).mean((1, 2))


def test_maps_with_channels_last():
    torch.manual_seed(2)
    network = sw.Network(ChannelsLast().eval(), size=33)
    result = last(network, HOUSE, signal="map", layers=("act",), top=3)
    assert result.maps["act"] == (10, 15, 15)
    assert int(result.projections["act"].channels.max()) < 10


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float64])
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_every_dtype_and_number_of_channels(dtype, channels):
    network = sw.Network(chain(channels).module.to(dtype), size=40)
    for signal in ("activation", "class"):
        result = last(network, HOUSE, signal=signal, top=2)
        assert all(projection.images.dtype == dtype for projection in result.projections.values())
        for display in ("projection", "heat", "overlay"):
            assert result.figure(display).to_html()


def test_a_network_without_class_scores_is_looked_into_all_the_same(photo):
    network = sw.Network(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()).eval(), size=24)
    result = last(network, photo, top=2)
    assert result.top == ()
    assert list(result.projections) == ["1"]
    assert len(result.figure().sections[0].tiles) == 1  # the picture, and no probabilities
    with pytest.raises(ValueError, match="not class scores"):
        last(network, photo, signal="class")


def test_the_model_is_left_as_it_was(photo):
    network = skipping()
    before = {name: value.clone() for name, value in network.module.state_dict().items()}
    for signal in ("activation", "map", "class"):
        last(network, photo, signal=signal)
    assert all(torch.equal(value, before[name]) for name, value in network.module.state_dict().items())
    for module in network.module.modules():
        assert not module._forward_hooks
        assert not module.training
    assert all(
        parameter.grad is None and parameter.requires_grad for parameter in network.module.parameters()
    )


# Pictures


def test_strength_is_the_norm_over_the_colours():
    values = torch.tensor([[[3.0, 0.0]], [[4.0, -1.0]]])
    assert strength(values).tolist() == [[1.0, pytest.approx(0.2)]]
    assert strength(torch.zeros(1, 2, 2)).tolist() == [[0, 0], [0, 0]]
    large = torch.ones(1, 100, 100)
    large[0, 5, 5] = 1000  # one pixel does not make a large picture black
    assert float(strength(large).min()) == 1
    assert peak(large) == 1


def test_a_patch_is_grey_where_the_picture_ends():
    picture = np.arange(36, dtype=np.uint8).reshape(6, 6)
    assert patch(picture, [1, 2, 4, 5], 3).tolist() == picture[1:4, 2:5].tolist()
    corner = patch(picture, [0, 0, 2, 2], 3)
    assert corner[1:, 1:].tolist() == picture[:2, :2].tolist()
    assert (corner[0] == 128).all()
    other = patch(picture, [4, 5, 6, 6], 3)
    assert other[:2, :1].tolist() == picture[4:, 5:].tolist()
    assert (other[2] == 128).all()


def test_rows_hold_projections_above_patches(photo):
    network = chain(3, 40)
    result = last(network, photo, top=3, layers=("1",))
    head, row = result.figure().sections
    assert row.columns == 3
    assert len(row.tiles) == 6
    box = result.projections["1"].boxes[0, 0].tolist()
    height, width = box[2] - box[0], box[3] - box[1]
    shown = row.tiles[3].pixels
    assert shown.shape == (5, 5, 3)
    if (height, width) == (5, 5):
        assert np.array_equal(shown, result.picture[box[0] : box[2], box[1] : box[3]])
    assert row.tiles[0].pixels.shape[:2] == (5, 5)
    assert dict(row.tiles[0].facts)["Sees"].startswith(f"{width} × {height} px")
    boxes = result.projections["1"].boxes[0]
    up_to = "" if len({(b[2] - b[0], b[3] - b[1]) for b in boxes.tolist()}) == 1 else "up to "
    assert f", a unit sees {up_to}5 × 5 px · " in row.caption
    assert head.tiles[0].pixels.shape == (40, 40, 3)
    assert len(result.figure(patches=False).sections[1].tiles) == 3
    whole = result.figure(full=True).sections[1]
    assert whole.tiles[0].pixels.shape[:2] == (40, 40)
    assert whole.tiles[0].boxes == (tuple(box),)
    for display in ("heat", "overlay"):
        assert result.figure(display).sections[1].tiles[0].pixels.shape == (5, 5, 3)


def test_rows_are_cropped_to_the_signal_with_their_patches():
    result = last(sw.Network.of(None), HOUSE, top=4, layers=("stage2.1.relu2",))
    layer = result.projections["stage2.1.relu2"]
    (_, row), (_, whole) = (result.figure(crop=crop).sections for crop in ("signal", "field"))
    side, field = (len(section.tiles[0].pixels) for section in (row, whole))
    assert side < field
    assert f"px, shown {side} × {side} · " in row.caption
    assert "shown" not in whole.caption
    windows, _ = field_windows(layer, 0, "signal")
    for rank, window in enumerate(windows):
        np.testing.assert_array_equal(row.tiles[rank].pixels, whole.tiles[rank].pixels[window])
        seen = patch(result.picture, layer.boxes[0, rank].tolist(), field)
        np.testing.assert_array_equal(row.tiles[4 + rank].pixels, seen[window].squeeze())
        sizes = np.abs(whole.tiles[rank].pixels.astype(int) - 128)
        assert sizes.max() == np.abs(row.tiles[rank].pixels.astype(int) - 128).max()
    for display in ("heat", "overlay"):
        assert result.figure(display).sections[1].tiles[0].pixels.shape[:2] == (side, side)
    assert len(result.figure(full=True).sections[1].tiles) == 4
    with pytest.raises(ValueError, match="crop must be"):
        result.figure(crop="whole")


def test_dead_and_silent_units_are_labelled():
    network = chain()
    with torch.no_grad():
        network.module[3].bias.fill_(-1000.0)
    dead = last(network, HOUSE, layers=("4",), top=2)
    assert [tile.label for tile in dead.figure().sections[1].tiles[:2]] == ["dead", "dead"]
    with torch.no_grad():
        network.module[3].bias.fill_(1.0)
        network.module[0].bias.fill_(-1000.0)  # nothing excites the first layer: the bias alone speaks
    silent = last(network, HOUSE, layers=("4",), top=2)
    assert not silent.projections["4"].dead.any()
    assert [tile.label for tile in silent.figure().sections[1].tiles[:2]] == ["nothing comes through"] * 2


# The widget


def test_settings_and_controls_are_one(panels):
    widget = panels(chain(), HOUSE, top=2)
    by_name = {
        control.description: control
        for control in widget.controls.children
        if hasattr(control, "description")
    }
    by_name["Rule"].value = "deconvnet"
    assert widget.rule == "deconvnet"
    assert widget.settle()
    assert widget.result.settings.rule == "deconvnet"
    assert {layer.rule for layer in widget.result.projections.values()} == {"deconvnet"}
    widget.top = 3
    assert by_name["Units"].value == 3
    assert widget.settle()
    assert widget.result.projections["1"].channels.shape == (1, 3)
    shown = widget.result
    assert by_name["Crop"].value == widget.crop == "signal"
    by_name["Crop"].value = "field"
    assert widget.crop == "field"
    widget.display, widget.full = "overlay", True
    assert widget.settle()
    assert widget.result is shown  # shown otherwise, not computed again
    assert widget.figure.sections[1].tiles[0].pixels.shape == (40, 40, 3)


def test_layers_by_their_tags(panels):
    widget = panels(chain(), HOUSE, top=2)
    tags = widget._tags._tags
    assert list(tags.value) == ["1", "4"]
    tags.value = ["4"]
    assert widget.layers == ["4"]
    assert widget.settle()
    assert list(widget.result.projections) == ["4"]
    widget._tags._few.click()
    assert widget.layers is None
    assert widget.settle()
    assert list(widget.result.projections) == ["1", "4"]
    assert list(tags.value) == ["1", "4"]
    widget.layers = ["3"]  # one that is not among the default ones
    assert widget.settle()
    assert list(tags.value) == ["3"]
    widget.network = skipping()
    assert widget.layers is None
    assert widget.settle()
    assert list(widget.result.projections) == list(widget.network.layers())


def test_the_class_to_explain(panels):
    widget = panels(chain(), HOUSE, signal="class")
    assert widget.result.class_name == widget.result.top[0][0]
    assert widget._classes.options == ("ant", "bee", "cat", "dog")
    widget._classes.value = "bee"
    assert widget.settle()
    assert widget.result.class_name == "bee"
    widget.class_name = "gnu"
    assert widget.settle()
    assert "class_name: chain knows no class &#x27;gnu&#x27;" in widget._status.notice.value
    widget.class_name = None
    assert widget.settle()
    assert widget.result.class_name == widget.result.top[0][0]


def test_a_pad_is_followed(panels):
    pad = sw.SketchPad()
    widget = panels(chain(), pad, top=2)
    assert widget.result is None
    pad.sketch = HOUSE
    assert widget.settle()
    first = widget.result
    assert np.array_equal(first.picture, widget.network.picture(widget.network.prepare(pad.sketch))[0])
    pad.undo()
    assert widget.settle()
    assert not np.array_equal(widget.result.picture, first.picture)


def test_pointing_shows_where_a_unit_looks(panels):
    widget = panels(chain(), HOUSE, top=2)
    box = tuple(widget.result.projections["4"].boxes[0, 1].tolist())
    widget._hover(2, 1)
    assert widget.figure.sections[0].tiles[0].boxes == (box,)
    widget._hover(2, 3)  # the patch below it
    assert widget.figure.sections[0].tiles[0].boxes == (box,)
    widget._hover(None, 0)
    assert widget.figure.sections[0].tiles[0].boxes == ()
    widget._click(1, 0)
    widget._hover(2, 1)
    widget._hover(None, 0)
    clicked = tuple(widget.result.projections["1"].boxes[0, 0].tolist())
    assert widget.figure.sections[0].tiles[0].boxes == (clicked,)


def test_layers_come_one_by_one_and_end_when_told():
    network = chain()
    seen = []

    def go_on(what):
        seen.append(what)
        if what == "4":
            raise KeyboardInterrupt

    parts = []
    with pytest.raises(KeyboardInterrupt):
        parts.extend(look(network, network.prepare(HOUSE), LookSettings(), go_on))
    assert seen == ["forward pass", "1", "4"]
    parts = list(look(network, network.prepare(HOUSE), LookSettings()))
    assert [list(part.projections) for part in parts] == [["1"], ["1", "4"]]
    assert [part.complete for part in parts] == [False, True]


def test_it_saves_what_it_shows(panels, tmp_path):
    widget = panels(chain(), HOUSE, top=2)
    widget.save_picture(tmp_path / "panels.svg")
    assert (tmp_path / "panels.svg").read_text().count("<image") == 1 + 2 * 2 * 2
    widget.save_picture(tmp_path / "panels.png")
    assert (tmp_path / "panels.png").read_bytes()[1:4] == b"PNG"


@pytest.mark.parametrize(
    "wrong",
    [
        {"rule": "lrp"},
        {"signal": "sum"},
        {"top": 0},
        {"top": 17},
        {"display": "jet"},
        {"crop": "whole"},
        {"convolution": "none"},
    ],
)
def test_wrong_settings(wrong):
    with pytest.raises(TraitError):
        sw.ProjectionPanels(chain(), HOUSE, **wrong)


def test_wrong_networks_and_sources():
    with pytest.raises(TypeError, match="network must be"):
        sw.ProjectionPanels("resnet18")
    with pytest.raises(TypeError, match="source must be"):
        sw.ProjectionPanels(chain(), "cat.png")


def test_closing_ends_its_threads():
    before = set(threading.enumerate())
    widget = sw.ProjectionPanels(chain(), HOUSE)
    assert widget.settle()
    widget.close()
    gc.collect()
    assert set(threading.enumerate()) <= before

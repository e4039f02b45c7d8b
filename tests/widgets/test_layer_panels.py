"""LayerPanels: tiles packed to bytes, messages to the page and back."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from _fake_page import Page
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.widgets import LayerPanels
from sketchwidgets.widgets.live._packing import grey_bytes, pack_layers


@settings(deadline=None)
@given(
    hnp.arrays(
        np.float32,
        st.tuples(st.sampled_from([1, 3]), st.integers(1, 6), st.integers(1, 6)),
        elements=st.floats(-1e6, 1e6, width=32),
    )
)
def test_greys_are_signed_and_scaled_by_the_largest_magnitude(values):
    grey, scale = grey_bytes(torch.from_numpy(values))
    assert grey.dtype == np.uint8
    assert scale == np.abs(values).max()
    back = grey.reshape(*grey.shape[:2], -1).transpose(2, 0, 1).astype(np.float64) - 128
    # Half a grey level is the rounding.
    np.testing.assert_allclose(back * scale / 127, values, atol=0.5001 * scale / 127)
    assert (np.sign(back) * np.sign(values) >= 0).all()


def test_the_ends_of_the_scale_and_its_middle():
    grey, _ = grey_bytes(torch.tensor([[[-2.0, 0.0, 2.0]]]))
    assert grey.tolist() == [[1, 128, 255]]


@pytest.mark.parametrize("value", [0.0, float("nan"), float("inf")])
def test_a_tile_without_a_usable_signal_is_mid_grey(value):
    grey, scale = grey_bytes(torch.full((1, 2, 3), value))
    assert (grey == 128).all()
    assert scale == 0


@pytest.mark.parametrize("shape", [(2, 3, 3), (3, 3), (4, 3, 3)])
def test_a_tile_is_grey_or_rgb(shape):
    with pytest.raises(ValueError, match="a tile must be"):
        grey_bytes(torch.zeros(shape))


def projection(channels=1, sides=(3, 2), dead=(False, False)):
    """The facts of a LayerProjection of one image, with tiles of increasing values."""
    n = len(sides)
    crops = [torch.arange(1, channels * s * s + 1).reshape(channels, s, s).float() for s in sides]
    return SimpleNamespace(
        crops=lambda i: crops,
        channels=torch.arange(10, 10 + n)[None],
        positions=torch.tensor([[[k, 2 * k] for k in range(n)]]),
        activations=torch.linspace(2, 1, n)[None],
        boxes=torch.tensor([[[0, 0, s, s] for s in sides]]),
        dead=torch.tensor([list(dead)]),
    )


def test_all_tiles_lie_in_one_buffer_where_their_offsets_say():
    layers, buffer = pack_layers(
        [
            ("relu1", "relu1 · 64 maps", projection()),
            ("relu2", "relu2", projection(channels=3, sides=(2,), dead=(False,))),
        ]
    )
    assert [layer["channels"] for layer in layers] == [1, 3]
    assert len(buffer) == 9 + 4 + 12
    for layer in layers:
        for tile in layer["tiles"]:
            size = tile["h"] * tile["w"] * layer["channels"]
            greys = np.frombuffer(buffer, np.uint8)[tile["offset"] : tile["offset"] + size]
            assert greys.max() == 255
            assert tile["scale"] == size
    assert layers[0]["tiles"][1] == {
        "channel": 11,
        "dead": False,
        "position": [1, 2],
        "box": [0, 0, 2, 2],
        "activation": 1.0,
        "h": 2,
        "w": 2,
        "offset": 9,
        "scale": 4.0,
    }


def test_a_dead_unit_is_named_and_takes_no_bytes():
    (layer,), buffer = pack_layers([("relu1", "relu1", projection(dead=(False, True)))])
    assert len(buffer) == 9
    assert [tile["dead"] for tile in layer["tiles"]] == [False, True]


def test_an_activation_that_json_cannot_hold_becomes_null():
    broken = projection()
    broken.activations = torch.tensor([[float("nan"), 1.0]])
    (layer,), _ = pack_layers([("relu1", "relu1", broken)])
    assert layer["tiles"][0]["activation"] is None


def test_real_projections_fit():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 6, 5, stride=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 8, 3), nn.ReLU()
    ).eval()
    projections = sw.project(model, torch.rand(1, 1, 33, 33), top=4, rule="guided")
    layers, buffer = pack_layers([(name, name, projections[name]) for name in projections])
    assert len(layers) == 2
    assert all(len(layer["tiles"]) == 4 for layer in layers)
    for layer in layers:
        for tile in layer["tiles"]:
            top, left, bottom, right = tile["box"]
            if not tile["dead"]:
                assert (tile["h"], tile["w"]) == (bottom - top, right - left)
            assert 0 <= top <= bottom <= 33
            assert 0 <= left <= right <= 33
            assert tile["offset"] + tile["h"] * tile["w"] <= len(buffer)


@pytest.fixture
def panels():
    return LayerPanels()


@pytest.fixture
def page(panels):
    return Page(panels)


def test_a_message_of_panels(panels, page):
    panels.send_panels(3, [("relu1", "relu1", projection())], frame=5, replace=True, since=9.5, size=33)
    message = page.last("panels")
    kept = {key: message[key] for key in ("frame", "step", "rule", "replace", "done", "since", "sketch_size")}
    assert kept == {
        "frame": 5,
        "step": 3,
        "rule": "guided",
        "replace": True,
        "done": False,
        "since": 9.5,
        "sketch_size": 33,
    }
    assert [len(buffer) for buffer in page.buffers[-1]] == [13]


def test_the_paper_is_the_networks_input(panels, page):
    panels.send_paper(2, torch.tensor([[[[0.0, 0.5], [1.0, 7.0]]]]))
    assert page.last("paper") == {"type": "paper", "step": 2, "size": 2}
    assert list(page.buffers[-1][0]) == [0, 128, 255, 255]


def test_a_view_that_appears_later_gets_the_newest_of_every_layer(panels, page):
    panels.send_rows([("relu1", "relu1"), ("relu2", "relu2")])
    for frame, step in enumerate((1, 2)):
        panels.send_panels(step, [("relu1", "", projection())], frame=frame, replace=True)
    panels.send_panels(2, [("relu2", "", projection())], frame=9, done=True)
    panels.send_paper(2, torch.zeros(1, 1, 4, 4))
    page.messages.clear()
    page.say({"type": "hello"})
    assert [row["name"] for row in page.last("rows")["rows"]] == ["relu1", "relu2"]
    assert page.last("paper")["size"] == 4
    again = page.of("panels")
    assert [(m["step"], m["frame"], m["layers"][0]["name"]) for m in again] == [
        (2, None, "relu1"),
        (2, None, "relu2"),
    ]


def test_an_empty_drawing_takes_what_was_kept_away(panels, page):
    panels.send_panels(1, [("relu1", "", projection())], frame=1)
    panels.send_paper(1, torch.zeros(1, 1, 4, 4))
    panels.send_empty()
    assert page.last("empty") == {"type": "empty"}
    page.messages.clear()
    page.say({"type": "hello"})
    assert page.of("panels") == page.of("paper") == []


def test_rows_in_sight_reach_the_callback(panels, page):
    seen = []
    panels.on_visible(seen.append)
    page.say({"type": "visible", "layers": ["relu1", "relu3"]})
    page.say({"type": "visible", "layers": []})
    assert seen == [("relu1", "relu3"), ()]


@pytest.mark.parametrize("layers", [None, "relu1", [1]])
def test_nonsense_about_rows_is_ignored_and_shown(panels, page, layers):
    seen = []
    panels.on_visible(seen.append)
    panels._handle_custom_msg({"type": "visible", "layers": layers}, [])
    assert "list of layer names" in page.last("error")["message"]
    assert seen == []


@pytest.mark.parametrize(("name", "value"), [("top", 0), ("top", 17), ("tile", 10), ("rule", "gradcam")])
def test_settings_have_a_range(name, value):
    with pytest.raises(TraitError, match=name):
        LayerPanels(**{name: value})


def test_an_unknown_keyword_says_what_to_check():
    with pytest.raises(TypeError, match=r"LayerPanels\(\) got unexpected .* 'rules'.*rule"):
        LayerPanels(rules="guided")


def test_repr_names_what_was_chosen():
    assert repr(LayerPanels(rule="backprop", top=3)) == "LayerPanels(rule='backprop', top=3)"
    assert "relu1" in repr(LayerPanels(layers=["relu1"]))

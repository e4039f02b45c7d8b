"""Networks side by side: which layers are matched, that every cell is right, and the widget's settings."""

import math

import numpy as np
import pytest
import torch
from _networks import HOUSE, chain, skipping
from hypothesis import given
from hypothesis import strategies as st
from torch import nn
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.widgets.projections._alignment import Field, align, fields
from sketchwidgets.widgets.projections._comparison import (
    METHODS,
    compare_layers,
    compare_methods,
    occlusion_heat,
)
from sketchwidgets.widgets.projections._look import LookSettings

SHARES = st.lists(st.floats(0.01, 4.0), min_size=1, max_size=8)


def quietly(done, total, what):
    pass


@pytest.fixture
def compare():
    """Makes Compare widgets that have settled, and closes them."""
    made = []

    def make(*args, **kwargs):
        made.append(sw.Compare(*args, **kwargs))
        assert made[-1].settle()
        return made[-1]

    yield make
    for widget in made:
        widget.close()


def as_fields(shares):
    return [Field(str(i), round(100 * share), share, True) for i, share in enumerate(shares)]


# Which layers are matched


@given(rows=SHARES, others=SHARES)
def test_each_layer_is_matched_once_and_near(rows, others):
    rows, others = as_fields(rows), as_fields(others)
    found = align(rows, others)
    assert len(found) == len(rows)
    taken = [field for field in found if field is not None]
    assert len(set(taken)) == len(taken)
    for row, field in zip(rows, found, strict=True):
        if field is not None:
            assert abs(math.log2(field.share / row.share)) <= 1
    if any(abs(math.log2(a.share / b.share)) <= 1 for a in rows for b in others):
        assert taken


@given(rows=SHARES)
def test_a_network_matches_itself(rows):
    rows = as_fields(sorted(set(rows)))
    assert align(rows, rows) == rows


def test_fields_are_those_of_the_textbook():
    found = {field.layer: field for field in fields(sw.Network.of(sw.models.SketchANet(5).eval()))}
    assert [found[f"relu{i}"].side for i in range(1, 6)] == [15, 45, 81, 105, 129]
    assert found["relu1"].share == pytest.approx(15 / 225)
    assert all(field.preferred for field in found.values())


# What is in the cells


def test_cells_are_those_of_project():
    networks = [chain(1, 40), skipping(3, 60)]
    found = [[field for field in fields(network) if field.preferred][:2] for network in networks]
    images = [network.prepare(HOUSE) for network in networks]
    settings = LookSettings(top=4, rule="deconvnet")
    *earlier, result = compare_layers(networks, images, found, settings, quietly)
    assert [part.complete for part in earlier] == [False] * 3
    assert result.complete
    assert [column.name for column in result.columns] == ["chain", "Skipping"]
    assert result.columns[0].picture.shape == (40, 40)
    assert result.columns[1].picture.shape == (60, 60, 3)
    for network, image, column in zip(networks, images, result.columns, strict=True):
        for cell in column.cells:
            layer = cell.field.layer
            expected = sw.project(network.module, image, layer, top=4, rule="deconvnet")[layer]
            assert torch.equal(cell.projection.images, expected.images)
    figure = result.figure(patches=True)
    assert [len(section.tiles) for section in figure.sections] == [2, 4, 4]
    assert [section.columns for section in figure.sections] == [2, 2, 2]
    # Before all cells are there, the figure has its place for each.
    assert [tile.label for tile in earlier[0].figure().sections[2].tiles] == ["…", "…"]


def test_a_row_without_a_match_says_so():
    network = chain(1, 40)
    known = fields(network)[0]
    found = [[known], [None]]
    *_, result = compare_layers(
        [network] * 2, [network.prepare(HOUSE)] * 2, found, LookSettings(top=1), quietly
    )
    assert [tile.label for tile in result.figure().sections[1].tiles] == [None, "no layer of this size"]


@pytest.mark.parametrize("make", [chain, skipping])
def test_every_method_explains_the_same_score(make):
    network = make()
    image = network.prepare(HOUSE)
    methods = ("backprop", "relevance", "occlusion")
    *_, result = compare_methods([network], [image], methods, LookSettings(), None, quietly)
    (column,) = result.columns
    assert column.class_name == column.top[0][0]
    index = network.classes.index(column.class_name)
    wanted = image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network.module(wanted)[0, index], wanted)
    assert torch.allclose(column.cells[0].projection.images[0, 0], gradient[0], atol=1e-6)
    assert column.cells[1].projection.activations[0, 0] == column.cells[0].projection.activations[0, 0]
    assert column.cells[2].heat.shape == image.shape[2:]
    assert [tile.caption for tile in result.figure().sections[0].tiles[1:]] == list(methods)
    for display in ("heat", "overlay"):
        assert len(result.figure(display).sections[0].tiles) == 4


def test_a_class_is_explained_where_it_is_known():
    networks = [chain(), skipping()]
    images = [network.prepare(HOUSE) for network in networks]
    *_, result = compare_methods(networks, images, ("guided",), LookSettings(), "fox", quietly)
    assert result.columns[1].class_name == "fox"
    assert result.columns[0].class_name == result.columns[0].top[0][0]


class Spot(nn.Module):
    """Says "ink" the surer the more ink there is in one corner."""

    def __init__(self):
        super().__init__()
        self.pick = nn.Conv2d(1, 1, 10, stride=10, bias=False)
        nn.init.ones_(self.pick.weight)

    def forward(self, images):
        corner = self.pick(images)[:, :, 0, 0] / 50
        return torch.cat([corner, torch.zeros_like(corner)], 1)


def test_occlusion_is_the_fall_of_the_probability():
    network = sw.Network(Spot().eval(), size=40, classes=["ink", "none"])
    image = torch.zeros(1, 1, 40, 40)
    image[..., :10, :10] = 1
    heat = occlusion_heat(network, image, 0, lambda: None)
    result = sw.occlusion(network.module, image, 0, fill="paper", progress=False)
    covering = [
        result.probability_before - float(p)
        for p, (top, left, bottom, right) in zip(
            result.probability.flatten(), result.boxes.reshape(-1, 4).tolist(), strict=True
        )
        if top <= 7 < bottom and left <= 3 < right
    ]
    assert float(heat[7, 3]) == pytest.approx(np.mean(covering), abs=1e-6)
    assert float(heat[:6, :6].min()) > 0.02
    assert float(heat[20:, 20:].abs().max()) == 0


def test_it_ends_between_cells_when_told():
    network = chain()
    image = network.prepare(HOUSE)
    calls = []

    def go_on(done, total, what):
        calls.append((done, total))
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(compare_methods([network], [image], tuple(METHODS), LookSettings(), None, go_on))
    assert calls == [(0, 5), (0, 5), (1, 5)]


# The widget


def test_settings_and_controls_are_one(compare):
    widget = compare([chain(), skipping()], HOUSE, top=1)
    assert widget.result.columns[1].cells[0].field is not None
    controls = {control.description: control for control in widget.controls.children if control.description}
    controls["Units"].value = 4
    assert widget.top == 4
    assert widget.settle()
    assert widget.result.columns[0].cells[0].projection.channels.shape == (1, 4)
    controls["Rows"].value = "methods"
    assert widget.settle()
    assert widget.result.rows == tuple(METHODS)
    assert controls["Rule"].layout.display == "none"
    widget.class_name = "bee"
    assert widget._class.value == "bee"
    assert widget.settle()
    assert [column.class_name for column in widget.result.columns] == ["bee", "bee"]
    shown = widget.result
    widget.display = "overlay"
    assert widget.settle()
    assert widget.result is shown
    widget.methods = ["guided"]
    assert widget.settle()
    assert widget.result.rows == ("guided",)


def test_a_pad_and_other_networks(compare):
    pad = sw.SketchPad()
    widget = compare([chain(), skipping()], pad, top=1)
    assert widget.result is None
    pad.sketch = HOUSE
    assert widget.settle()
    first = [column.picture for column in widget.result.columns]
    pad.undo()
    assert widget.settle()
    assert not any(
        np.array_equal(a, column.picture) for a, column in zip(first, widget.result.columns, strict=True)
    )
    widget.networks = [skipping(), chain()]
    assert widget.settle()
    assert [column.name for column in widget.result.columns] == ["Skipping", "chain"]
    assert repr(widget) == "Compare(Skipping, chain)"


def test_none_is_the_bundled_recogniser_alone(compare, monkeypatch):
    bundled = chain()
    monkeypatch.setattr(sw.Network, "of", lambda network=None: network or bundled)
    widget = compare(None, HOUSE, top=1)
    assert widget.networks == (bundled,)
    assert len(widget.result.columns) == 1
    widget.networks = [bundled, bundled]
    widget.networks = None
    assert widget.networks == (bundled,)


def test_wrong_networks_and_settings():
    with pytest.raises(ValueError, match="networks is empty"):
        sw.Compare([])
    for wrong in (chain(), chain().module, "resnet18"):
        with pytest.raises(TypeError, match="networks must be a sequence"):
            sw.Compare(wrong)
    with pytest.raises(TypeError, match="network must be"):
        sw.Compare(["resnet18"])
    for settings in (
        {"top": 3},
        {"show": "columns"},
        {"methods": []},
        {"methods": ["lime"]},
        {"signal": "class"},
    ):
        with pytest.raises(TraitError):
            sw.Compare([chain()], **settings)

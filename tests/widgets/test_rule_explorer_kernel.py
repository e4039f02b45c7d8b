"""RuleExplorer without a page: what it computes, offers and tells."""

import re

import numpy as np
import pytest
import torch
from _tiny_recognizer import tiny_recognizer
from traitlets import TraitError

import sketchwidgets as sw
from sketchwidgets.visualization.projection.tracing._trace_pictures import Mosaic, as_maps, box_around

SKETCH = sw.Sketch([[(0, 0), (40, 8), (50, 60)], [(10, 40), (35, 22)]])


@pytest.fixture
def explorer():
    made = []

    def make(*args, **kwargs):
        made.append(sw.RuleExplorer(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


def numbers(html: str) -> list[str]:
    return re.findall(r"<td[^>]*>([^<]*)</td>", html)


def test_it_walks_down_the_steps_of_the_strongest_unit(explorer):
    recognizer = tiny_recognizer()
    rules = explorer(recognizer, SKETCH, layer="relu2")
    assert rules.settle(20)
    expected = sw.trace(recognizer.cnn, sw.Network.of(recognizer).prepare(SKETCH), "relu2")
    assert rules.result.channel == expected.channel
    assert torch.equal(rules.result.pixels["guided"], expected.pixels["guided"])
    # It begins where the rules part.
    assert rules._steps.value == "relu1"
    titles = [title for _, title in rules._steps.options]
    assert titles == ["relu2", "conv2", "pool1", "relu1", "conv1"]
    assert [section.title.split(" ")[0] for section in rules.rows.figure.sections] == [
        f"{n}." for n in range(1, 6)
    ]
    rules.go(1)
    assert (rules.step, rules._down.disabled, rules._up.disabled) == ("conv1", True, False)
    rules.go(9)
    assert rules.step == "conv1"
    rules._click_row(2, 1)
    assert rules.step == "pool1"
    assert "Framed in orange" in rules._numbers.value
    assert "switch" in rules._said.value
    # The whole of it, for a file: the unit, the step, and all five.
    assert len(rules.figure.sections) == 7


def test_the_numbers_are_those_of_the_rules(explorer):
    rules = explorer(tiny_recognizer(), SKETCH, layer="relu2", step="relu1", channels=1)
    assert rules.settle(20)
    step = rules.result.step("relu1")
    mosaic_channel = rules._place_on(
        rules.result, step, sw.visualization.projection.tracing._trace_figure.TraceLook(1)
    )[0]
    rules.look_at(6, 7, mosaic_channel)
    shown = numbers(rules._numbers.value)
    assert len(shown) == 7 * 25  # x, and R and R' of three rules

    def window(maps):
        return maps[mosaic_channel, 4:9, 5:10].flatten()

    def read(values):
        return np.array([float(value.replace("−", "-")) for value in values])

    np.testing.assert_allclose(read(shown[:25]), window(step.forward_input), rtol=6e-3, atol=1e-6)
    for k, rule in enumerate(rules.result.rules):
        before, after = step.signals[rule]
        at = 25 * (1 + 2 * k)
        np.testing.assert_allclose(read(shown[at : at + 25]), window(before), rtol=6e-2, atol=1e-6)
        np.testing.assert_allclose(read(shown[at + 25 : at + 50]), window(after), rtol=6e-2, atol=1e-6)
    stopped = sum(
        int(((window(before) != 0) & (window(after) == 0)).sum())
        for before, after in (step.signals[rule] for rule in rules.result.rules)
    )
    assert rules._numbers.value.count("line-through") == stopped
    with pytest.raises(IndexError, match="no row 99"):
        rules.look_at(99, 0)


def test_a_click_finds_its_place_also_if_the_pointer_comes_late(explorer):
    rules = explorer(tiny_recognizer(), SKETCH, layer="relu2", channels=4)
    assert rules.settle(20)
    rules._remember_pointer(1, 5, 0.1, 0.1)
    rules._click(1, 5)
    first = rules._place
    assert first is not None
    rules._click(1, 6)  # nothing is known of the pointer there yet
    assert rules._place == first
    rules._remember_pointer(1, 6, 0.9, 0.9)
    assert rules._place != first
    rules._click(0, 0)  # the head has no places
    assert rules._clicked is None


def test_settings_are_followed_and_checked(explorer):
    rules = explorer(tiny_recognizer(), SKETCH, layer="relu2")
    assert rules.settle(20)
    strongest = rules.result.channel
    other = next(unit for _, unit in rules._units.options if unit not in (-1, strongest))
    rules._units.value = other
    assert rules.settle(20)
    assert rules.result.channel == other
    rules.layer = "relu1"
    assert rules.settle(20)
    assert (rules.result.layer, rules.channel, rules._layers.value) == ("relu1", -1, "relu1")
    before = rules.rows.figure
    rules.channels = 0
    assert rules.rows.figure is not before
    rules.same_scale = rules.whole = True
    with pytest.raises(TraitError, match="channels must be 0, 1, 4 or 9"):
        rules.channels = 3
    rules.layer = "nowhere"
    assert rules.settle(20)
    assert "nowhere" in rules._status.notice.value
    rules.layer = "relu1"
    assert rules.settle(20)
    assert rules._status.notice.value == ""


def test_it_follows_a_pad_and_an_empty_one_shows_nothing(explorer):
    pad = sw.SketchPad()
    rules = explorer(tiny_recognizer(), pad, layer="relu2", step="pool1")
    assert rules.settle(20)
    assert rules.figure is None
    pad.sketch = SKETCH
    assert rules.settle(20)
    assert rules._steps.value == "pool1"
    pad.sketch = sw.Sketch([])
    assert rules.settle(20)
    assert rules.rows.figure.sections == ()
    assert rules._numbers.value == ""


def test_photos_vectors_and_branches_are_shown(explorer):
    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.stem, self.side = torch.nn.Conv2d(3, 5, 3, padding=1), torch.nn.Conv2d(5, 5, 3, padding=1)
            self.act, self.pool = torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1)
            self.fc = torch.nn.Linear(5, 4)

        def forward(self, x):
            x = self.act(self.stem(x))
            return self.fc(self.pool(torch.relu(self.side(x) + x)).flatten(1))

    torch.manual_seed(0)
    network = sw.Network(Net().eval(), size=16)
    rules = explorer(network, np.random.default_rng(0).random((20, 30, 3)), layer="fc")
    assert rules.settle(20)
    assert rules._status.notice.value == ""
    titles = [title for _, title in rules._steps.options]
    assert "sum" in titles
    for title in titles:
        rules.step = title
    rules.step = "sum"
    assert "2 maps were added" in rules._said.value


def test_of_a_deep_network_the_steps_around_the_chosen_one_are_rows(explorer):
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 4, 3, padding=1), torch.nn.ReLU()]
    for _ in range(24):
        layers += [torch.nn.Conv2d(4, 4, 3, padding=1), torch.nn.ReLU()]
    network = sw.Network(torch.nn.Sequential(*layers).eval(), size=12)
    rules = explorer(network, SKETCH, layer="49", channels=1)
    assert rules.settle(20)
    assert len(rules.result.steps) == 50
    assert rules.rows.figure.title == "Steps 1 to 30 of 50"
    rules.step = "9"
    assert rules.rows.figure.title == "Steps 21 to 50 of 50"
    assert rules.rows.selected == [20, 0]
    rules._click_row(0, 0)
    assert rules.step == "29"


def test_a_dead_unit_is_said_to_be_dead(explorer):
    recognizer = tiny_recognizer()
    rules = explorer(recognizer, SKETCH, layer="relu2")
    assert rules.settle(20)
    dead = int(rules.result.steps[0].forward_output.flatten(1).amax(1).argmin())
    rules.channel = dead
    assert rules.settle(20)
    if rules.result.dead:
        assert "Nothing excites this unit" in rules._said.value
        assert [tile.label for tile in rules.figure.sections[0].tiles[1:]] == ["dead"] * 3
    else:
        assert rules.result.activation > 0


def test_mosaics_place_and_outline_what_they_show():
    mosaic = Mosaic((7, 2, 9), (10, 20, 14, 26), 2, 5)
    assert mosaic.cell == (20, 30)
    assert mosaic.size == (43, 63)
    # The middle of row 11, column 23 of channel 2, which is the second of the first row.
    x, y = (33 + 3.5 * 5) / 63, 1.5 * 5 / 43
    assert mosaic.place(x, y) == (2, 11, 23)
    assert mosaic.outline(2, 11, 23, 1) == (0, 43, 15, 58)
    assert mosaic.outline(9, 50, 50, 1) is None
    assert mosaic.outline(3, 11, 23, 1) is None
    assert mosaic.place(31.5 / 63, 0.1) is None  # between two maps
    assert mosaic.place(0.9, 0.9) is None  # where a fourth would be
    maps = torch.zeros(10, 20, 30)
    maps[2, 11, 23] = -4
    picture, peak = mosaic.picture(maps)
    assert peak == 4
    assert (picture[5:10, 33 + 15 : 33 + 20, 0] == 1).all()
    assert (picture[:20, 30:33, 3] == 0).all()
    assert as_maps(torch.arange(5.0).view(5, 1, 1)).shape == (1, 3, 3)
    signal = torch.zeros(2, 30, 30)
    signal[1, 3, 28] = 1
    assert box_around([signal], whole=False) == (0, 21, 9, 30)
    assert box_around([signal], whole=True) == (0, 0, 30, 30)

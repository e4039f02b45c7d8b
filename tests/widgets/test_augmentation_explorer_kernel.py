"""AugmentationExplorer without a page: what it makes of a drawing, shows and saves."""

import numpy as np
import pytest
import torch
from traitlets import TraitError

import sketchwidgets as sw

TURN = np.linspace(0, 5, 30)
SKETCH = sw.Sketch(
    [
        np.column_stack([100 + 80 * np.cos(TURN), 100 + 80 * np.sin(TURN)]),
        [(60, 90), (80, 70), (100, 90)],
        [(110, 90), (125, 88)],
        np.column_stack([60 + 8 * TURN, 130 + 4 * np.sin(3 * TURN)]),
    ]
)


@pytest.fixture
def explorer():
    made = []

    def make(*args, **kwargs):
        made.append(sw.AugmentationExplorer(*args, **kwargs))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_it_makes_what_the_functions_make(explorer):
    own = explorer(SKETCH, alpha=1.5, beta=0.5, strength=2.0, seed=3)
    assert own.settle(20)
    look = own.result
    np.testing.assert_array_equal(look.probabilities, sw.sketch.removal_probabilities(SKETCH, 1.5, 0.5))
    assert look.removed[-1] == sw.sketch.remove_strokes(SKETCH, 0.6, alpha=1.5, beta=0.5)
    assert torch.equal(look.channels, sw.sketch.stroke_order_channels(SKETCH))
    generator = [3, 0]
    assert look.stroke_by_stroke[0] == sw.sketch.deform_strokes(
        SKETCH, np.random.default_rng(generator), strength=2.0
    )
    assert look.whole[0] == sw.sketch.deform_sketch(SKETCH, np.random.default_rng(generator), strength=2.0)
    assert look.both[0] == sw.sketch.deform_sketch(
        look.stroke_by_stroke[0], np.random.default_rng(generator), strength=2.0
    )
    assert [len(section.tiles) for section in own.figure.sections] == [2, 6, 6, 6, 6, 6]
    captions = [tile.caption for tile in own.figure.sections[1].tiles]
    assert captions == [
        "10\N{NO-BREAK SPACE}%: 0 of 4",
        "20\N{NO-BREAK SPACE}%: 1 of 4",
        "30\N{NO-BREAK SPACE}%: 1 of 4",
        "40\N{NO-BREAK SPACE}%: 2 of 4",
        "50\N{NO-BREAK SPACE}%: 2 of 4",
        "60\N{NO-BREAK SPACE}%: 2 of 4",
    ]
    # Nobody asked for a network.
    assert own._network is None


def test_again_changes_what_is_random_and_nothing_else(explorer):
    own = explorer(SKETCH)
    assert own.settle(20)
    before = own.result
    own.again()
    assert own.settle(20)
    assert own.seed == 1
    assert own.result.removed == before.removed
    assert all(a != b for a, b in zip(own.result.both, before.both, strict=True))
    own.seed = 0
    assert own.settle(20)
    assert own.result.both == before.both


def test_without_strength_the_drawing_covers_itself(explorer):
    own = explorer(SKETCH, strength=0)
    assert own.settle(20)
    assert set(own.result.both) == {SKETCH}
    first, *others = (tile.pixels for tile in own.figure.sections[4].tiles)
    assert all((first == other).all() for other in others)
    # Ink is there and nothing faint is seen beside it: all pixels are grey, up to the tint of the ink.
    assert int(first.min()) < 60
    own.strength = 2
    assert own.settle(20)
    pixels = own.figure.sections[4].tiles[0].pixels.astype(int)
    assert (pixels[..., 0] - pixels[..., 2]).max() > 60  # the faint drawing, warm


def test_it_follows_a_pad_down_to_nothing(explorer):
    pad = sw.SketchPad()
    own = explorer(pad)
    assert own.settle(20)
    assert own.figure is None
    pad.sketch = SKETCH
    assert own.settle(20)
    assert len(own.result.sketch) == 4
    pad.sketch = sw.Sketch([[(200, 200)]])  # one dot
    assert own.settle(20)
    assert [len(each) for each in own.result.removed] == [1] * 6
    assert "no stroke" in own.figure.sections[0].tiles[1].legend[1][1]
    pad.clear()
    assert own.settle(20)
    assert own.figure is None


def test_it_is_saved(explorer, tmp_path):
    own = explorer(SKETCH)
    assert own.settle(20)
    own.save_picture(tmp_path / "rows.svg")
    own.save_picture(tmp_path / "rows.png", scale=1)
    assert "Strokes removed" in (tmp_path / "rows.svg").read_text()
    assert (tmp_path / "rows.png").read_bytes()[1:4] == b"PNG"


def test_what_makes_no_sense_is_named(explorer):
    own = explorer(np.zeros((20, 20)))
    assert own.settle(20)
    assert "a picture, which has no strokes" in own._status.notice.value
    for name, value in (("alpha", -1), ("beta", 6), ("strength", 4.5), ("seed", -1)):
        with pytest.raises(TraitError, match=f"{name} must be between"):
            setattr(own, name, value)
    with pytest.raises(TypeError):
        explorer(5)

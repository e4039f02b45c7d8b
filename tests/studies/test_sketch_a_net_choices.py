"""Sketch-a-Net's choices made otherwise: the networks, the pairing, and that a run goes on where it was cut off."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.models import SketchANet
from sketchwidgets.studies import (
    Choice,
    ChoiceRow,
    ChoicesPlan,
    ChoicesResult,
    NamedRight,
    Pairs,
    sketch_a_net_choices,
)
from sketchwidgets.studies.choices._drawn import DrawnPictures
from sketchwidgets.studies.choices._network import OtherSketchANet
from sketchwidgets.studies.choices._plan import CHOICES
from sketchwidgets.studies.choices._study import _split
from sketchwidgets.training import Recipe

TINY = Recipe(epochs=1, batch_size=6, optimizer="adamw", learning_rate=1e-3)


@pytest.fixture(scope="module")
def drawings():
    return sw.training.pack_sketches(*sw.training.draw_shapes(10, seed=3)[:3])


@pytest.fixture(scope="module")
def plan():
    rows = (
        CHOICES[0],
        Choice("six", "stroke order", channels="order", norm=True),
        Choice("small", "scale", resolution=64, pool=2, first=7),
    )
    return ChoicesPlan(rows, classes=3, drawings=4, tested=4, recipe=TINY, width=1 / 32, seed=2)


@pytest.fixture(scope="module")
def whole(drawings, plan, tmp_path_factory):
    """The study in one go."""
    return sketch_a_net_choices(drawings, tmp_path_factory.mktemp("whole"), plan, progress=False)


def test_nothing_changed_is_sketch_a_net():
    torch.manual_seed(0)
    paper = SketchANet(4, channels=6, width=1 / 16).eval()
    other = OtherSketchANet(4, channels=6, width=1 / 16).eval()
    other.load_state_dict(paper.state_dict())
    x = torch.rand(2, 6, 225, 225)
    torch.testing.assert_close(other(x), paper(x))
    torch.testing.assert_close(other.features(x), paper.features(x))


@pytest.mark.parametrize("first", [3, 7, 11])
def test_small_first_filters_see_the_middle_of_the_large_ones(first):
    torch.manual_seed(0)
    large, small = (OtherSketchANet(3, first=side, width=1 / 16).eval() for side in (15, first))
    border = (15 - first) // 2
    with torch.no_grad():
        large.conv1.weight.zero_()[..., border : 15 - border, border : 15 - border] = small.conv1.weight
        rest = {name: t for name, t in small.state_dict().items() if not name.startswith("conv1.weight")}
        large.load_state_dict(rest, strict=False)
        x = torch.rand(1, 1, 225, 225)
        torch.testing.assert_close(small(x), large(x), rtol=1e-4, atol=1e-5)


def test_normalisation_follows_the_first_two_layers_with_torchs_numbers():
    net = OtherSketchANet(3, norm=True, pool=2, width=1 / 8)
    names = [name for name, _ in net.named_children()]
    assert names[:8] == ["conv1", "relu1", "norm1", "pool1", "conv2", "relu2", "norm2", "pool2"]
    x = 5 * torch.rand(1, 9, 4, 4)
    torch.testing.assert_close(net.norm1(x), torch.nn.LocalResponseNorm(5, 5e-4, 0.75, 2.0)(x))
    assert net.features(torch.zeros(1, 1, 225, 225)).shape == (1, 64)


@pytest.mark.parametrize("arguments", [{"first": 4}, {"first": 17}, {"pool": 4}])
def test_a_network_that_cannot_be(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        OtherSketchANet(3, **arguments)
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Choice("x", "pooling", **arguments)


def test_every_row_changes_one_choice():
    base = CHOICES[0].to_dict()
    for choice in CHOICES[1:]:
        changed = {name for name, value in choice.to_dict().items() if value != base[name]} - {"name", "kind"}
        assert len(changed) == 1 or choice.name == "all three", choice


def test_changes_of_strokes_are_those_that_are_asked_for():
    local, whole = (Choice("x", "augmentation", **{name: 0.5}).augmentation() for name in ("local", "whole"))
    assert (local.stroke_strength, local.sketch_strength) == (1.0, 0.0)
    assert (whole.stroke_strength, whole.sketch_strength, whole.deformation) == (0.0, 1.0, 0.5)
    none = Choice("x", "augmentation", views=False).augmentation()
    changes = (none.shift, none.mirror, none.rotation, none.removal, none.deformation)
    assert changes == (0.0,) * 5


def test_pictures_have_the_channels_and_the_blur_of_their_choice(drawings):
    classes = np.array([1, 4])
    chosen = np.flatnonzero(np.isin(drawings.label, classes))[:5]

    def seen(**changes):
        pictures = DrawnPictures(drawings, chosen, classes, Choice("x", "scale", **changes))
        assert set(pictures.labels) <= {0, 1}
        return pictures.load(np.arange(5), 225, 1, ink=True)

    sharp, order, blurred = seen(), seen(channels="order"), seen(resolution=64)
    assert sharp.shape == blurred.shape == (5, 1, 225, 225)
    torch.testing.assert_close(order[:, 5:], sharp)
    assert blurred.std() < sharp.std()


def test_no_drawing_is_learned_from_and_tested(drawings, plan):
    classes, train, test = _split(drawings, plan)
    assert len(classes) == 3
    assert len(train) == len(test) == 12
    assert not set(train) & set(test)
    assert np.bincount(np.searchsorted(classes, drawings.label[test])).tolist() == [4, 4, 4]
    with pytest.raises(ValueError, match=r"data has 10 drawings of .* wants 9 to train and 4"):
        _split(drawings, replace(plan, drawings=9))
    with pytest.raises(ValueError, match="the plan wants 99"):
        _split(drawings, replace(plan, classes=99))


def test_a_study_that_was_cut_off_ends_as_if_it_had_not_been(drawings, plan, whole, tmp_path):
    names = [row.name for row in whole.rows]
    assert names[3:] == [f"{how} of 2" for how in ("score fusion", "feature fusion", "Joint Bayesian")]
    seen = []
    first = sketch_a_net_choices(
        drawings, tmp_path, plan, progress=False, callback=lambda row: bool(seen.append(row))
    )
    assert first.rows == whole.rows[:1]
    again = sketch_a_net_choices(drawings, tmp_path, plan, progress=False)
    assert again.rows == whole.rows
    kept = ChoicesResult.open(tmp_path / "result.json")
    assert kept.rows == whole.rows
    assert kept.orderings() == whole.orderings()
    assert sum(p.numel() for p in OtherSketchANet(3, width=1 / 32).parameters()) == whole.rows[0].parameters
    # A row on the disk, and a network without its row, are those of their plan alone.
    with pytest.raises(ValueError, match="otherwise"):
        sketch_a_net_choices(drawings, tmp_path, replace(plan, drawings=5), progress=False)
    (tmp_path / "rows" / "six.json").unlink()
    changed = (plan.choices[0], replace(plan.choices[1], norm=False))
    with pytest.raises(ValueError, match="asked for otherwise"):
        sketch_a_net_choices(drawings, tmp_path, replace(plan, choices=changed), progress=False)


def test_what_a_row_gains_and_loses_is_its_difference(whole):
    for row in whole.rows:
        assert row.total == 12
        assert row.right - whole.rows[0].right == row.gained - row.lost
        pairs = row.named.pairs(whole.rows[0].named)
        assert (pairs.first, pairs.second) == (row.gained, row.lost)


def test_orderings_are_checked_drawing_by_drawing():
    def result(gained, lost):
        right = 600 + gained - lost
        rows = (
            ChoiceRow("Sketch-a-Net", "seed", 600, 1000, 0, 0, 9),
            ChoiceRow("pools of 2", "pooling", right, 1000, gained, lost, 9),
        )
        return ChoicesResult(rows).orderings()[0]

    assert result(10, 40).holds == "yes"  # though the intervals overlap
    assert result(10, 40).pairs == Pairs(both=560, first=40, second=10, neither=390)
    assert result(40, 10).pairs == Pairs(both=590, first=10, second=40, neither=360)
    assert result(40, 10).holds == "no"
    assert result(20, 22).holds == "undecided"


def test_two_fusions_are_checked_drawing_by_drawing_too():
    def row(name, right):
        named = NamedRight.of(right)
        gained, lost = (int(each.sum()) for each in (right & ~base, base & ~right))
        return ChoiceRow(name, "fusion", named.right, 1000, gained, lost, 9, named)

    base, score, joint = (np.arange(1000) < count for count in (600, 620, 610))
    joint[800:830] = True  # 30 that scores name wrong, and 10 the other way round
    rows = row("Sketch-a-Net", base), row("score fusion of 5", score), row("Joint Bayesian of 5", joint)
    sentence = "Joint Bayesian fusion is better than that of scores."
    (found,) = [one for one in ChoicesResult(rows).orderings() if one.sentence == sentence]
    assert (found.pairs, found.holds) == (Pairs(both=610, first=30, second=10, neither=350), "yes")
    assert ChoiceRow.from_dict(rows[2].to_dict()) == rows[2]
    before = ChoicesResult(tuple(replace(each, named=None) for each in rows)).orderings()
    assert [one.pairs is None for one in before] == [False, True]  # of the first row it is known without


def test_what_another_seed_does_too_is_no_evidence():
    def result(seed_gained):
        rows = (
            ChoiceRow("Sketch-a-Net", "seed", 600, 1000, 0, 0, 9),
            ChoiceRow("another seed", "seed", 600 + seed_gained, 1000, seed_gained, 0, 9),
            ChoiceRow("pools of 2", "pooling", 570, 1000, 10, 40, 9),
        )
        return ChoicesResult(rows).orderings()[0]

    assert result(29).holds == "yes"
    assert (result(30).holds, result(30).chance) == ("undecided", 30)


def test_no_worse_than_needs_no_more_than_a_margin():
    def result(gained, lost, seed=0):
        rows = (
            ChoiceRow("Sketch-a-Net", "seed", 600, 1000, 0, 0, 9),
            ChoiceRow("another seed", "seed", 600 + seed, 1000, seed, 0, 9),
            ChoiceRow("response normalisation", "normalisation", 600 + gained - lost, 1000, gained, lost, 9),
        )
        (found,) = ChoicesResult(rows).orderings()
        assert (found.higher.name, found.margin) == ("response normalisation", 2.0)
        return found.holds

    assert result(90, 30) == "no"  # by 6 points, known to 2.2
    assert result(50, 30) == "undecided"  # by 2, known to 1.8
    assert result(30, 50) == "yes"
    # Another seed moves a row by as many drawings as there are between the difference and the margin.
    assert [result(90, 30, seed) for seed in (39, 40)] == ["no", "undecided"]


def test_it_shows_itself(whole):
    assert "Sketch-a-Net" in whole.table()
    assert "one channel" in whole.figure().to_svg()
    assert whole.settings["choices"]["six"]["channels"] == "order"
    with pytest.raises(ValueError, match="counts"):
        ChoiceRow("x", "pooling", 5, 10, 6, 0, 1)


def test_the_command_says_what_is_wrong(tmp_path):
    from sketchwidgets.cli import app

    found = CliRunner().invoke(
        app, ["study", "sketch-a-net-choices", str(tmp_path / "no.npz"), "--out", str(tmp_path)]
    )
    assert found.exit_code == 1
    assert "no file of drawings" in found.output

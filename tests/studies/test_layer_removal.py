"""The study of removed layers: that its rows are what was trained, that it resumes, and how it shows itself."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.studies import (
    LayerRemoval,
    LayerRemovalPlan,
    LayerRemovalRow,
    NamedRight,
    Pairs,
    Variant,
    layer_removal,
)
from sketchwidgets.studies.ablation._plan import TABLE
from sketchwidgets.studies.ablation._result import PUBLISHED
from sketchwidgets.training import Fitted, Recipe, Views

VARIANTS = (
    Variant("AlexNet", "alexnet", fc=8, conv=(4, 4, 4, 4, 4)),
    Variant("AlexNet, 3, 4, 6 and 7 removed", "alexnet", (3, 4, 6, 7), fc=8, conv=(4, 4, 4, 4, 4)),
)
RECIPE = Recipe(
    epochs=2,
    batch_size=8,
    optimizer="adamw",
    learning_rate=1e-2,
    views=Views(size=72, test="centre", mirror=0.0),
)


@pytest.fixture(scope="module")
def drawings():
    """60 drawings of three classes that a glance tells apart: a line down, a line across, a cross."""
    lines = ([(50, 0), (50, 99)], [(0, 50), (99, 50)], [(0, 0), (99, 99), (99, 0), (0, 99)])
    sketches = [sw.Sketch([np.array(lines[i % 3], float)]) for i in range(60)]
    made = sw.training.pack_sketches(sketches, np.arange(60) % 3, ["down", "across", "cross"])
    shaken = made.points + np.random.default_rng(0).normal(0, 3, made.points.shape).astype(np.float32)
    return replace(made, points=shaken)


@pytest.fixture(scope="module")
def plan():
    return LayerRemovalPlan(
        RECIPE, VARIANTS, side=64, channels=1, classes=2, per_class=12, measured=6, watched=10
    )


@pytest.fixture(scope="module")
def whole(drawings, plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return layer_removal(drawings, folder, plan, progress=False), folder


def test_a_row_counts_what_its_network_gets_wrong(whole, drawings):
    """Against the network that is left in the folder, asked about drawings that are picked here by hand."""
    result, folder = whole
    assert [row.name for row in result.rows] == [variant.name for variant in VARIANTS]
    names = result.settings["class_names"]
    assert len(names) == 2
    assert set(names) < {"down", "across", "cross"}
    for row, slug in zip(result.rows, ("alexnet", "alexnet-3-4-6-and-7-removed"), strict=True):
        fitted = Fitted.load(folder / "networks" / slug)
        assert row.parameters == sum(p.numel() for p in fitted.network.parameters())
        assert (row.steps, row.train_total, row.total) == (6, 10, 12)
        learned, asked = [], []
        for label, name in enumerate(names):
            own = np.flatnonzero(drawings.label == drawings.classes.index(name))
            order = np.random.default_rng([0, label]).permutation(len(own))
            learned += own[order[:12]].tolist()
            asked += [(index, label) for index in own[order[12:18]]]
        assert not set(learned) & {index for index, _ in asked}
        asked.sort()
        labels = [label for _, label in asked]
        sketches = [sw.Sketch(drawings.strokes(index)) for index, _ in asked]
        scores = fitted.scores((sketches, labels, names))
        assert row.top1_wrong == int((scores.argmax(1).numpy() != labels).sum())
        np.testing.assert_array_equal(row.top1_named.each, scores.argmax(1).numpy() == labels)
        assert row.train_named.total - row.train_named.right == row.train_wrong
        assert row.top5_wrong == 0  # of two classes


def test_a_run_that_is_cut_off_ends_with_the_same_rows(whole, drawings, plan, tmp_path, monkeypatch):
    from sketchwidgets.training.inputs import images

    rasterize, left = images.rasterize_polylines, 0

    def breaking(*arguments):
        nonlocal left
        left -= 1
        if left < 0:
            raise RuntimeError("the power went out")
        return rasterize(*arguments)

    monkeypatch.setattr(images, "rasterize_polylines", breaking)
    result, runs = None, 0
    while result is None:
        left, runs = 5, runs + 1
        assert runs < 20
        try:
            result = layer_removal(drawings, tmp_path, plan, every=1, progress=False)
        except RuntimeError as error:
            assert "power" in str(error)  # noqa: PT017
    assert runs >= 3
    assert result.rows == whole[0].rows
    left = 0  # all is there: nothing is drawn
    assert layer_removal(drawings, tmp_path, plan, progress=False).rows == result.rows
    assert LayerRemoval.open(tmp_path / "result.json").rows == result.rows
    with pytest.raises(ValueError, match="otherwise than this plan asks"):
        layer_removal(drawings, tmp_path, replace(plan, watched=9), progress=False)


def test_folders_of_pictures_are_taken_as_they_are(tmp_path):
    """The form of ImageNet, in colour, with ten views of each and a rate that falls on a plateau."""
    rng = np.random.default_rng(1)
    for part, count in (("train", 6), ("val", 4)):
        for number, name in enumerate(("n01", "n02")):
            folder = tmp_path / "images" / part / name
            folder.mkdir(parents=True)
            for k in range(count):
                picture = rng.integers(0, 90, (80, 76, 3)).astype(np.uint8) + np.uint8(120 * number)
                Image.fromarray(picture).save(folder / f"{k}.png")
    recipe = sw.training.zeiler_recipe(epochs=1, batch_size=6, views=Views(72, "ten", ink=False, mean=True))
    plan = LayerRemovalPlan(recipe, VARIANTS[1:], side=64, per_class=3, measured=2)
    seen = []
    result = layer_removal(
        tmp_path / "images", tmp_path / "study", plan, progress=False, callback=seen.append
    )
    row = result.rows[0]
    assert seen == [row]
    assert (row.train_total, row.total, row.steps) == (6, 4, 1)
    assert result.settings["data"] == "images"
    assert result.settings["class_names"] == ["n01", "n02"]


def test_the_plans_are_the_twelve_rows_of_the_paper():
    assert [variant.name for variant in TABLE] == list(PUBLISHED)
    small, full = LayerRemovalPlan.small(seed=3), LayerRemovalPlan.full()
    for plan, classes, channels in ((small, 30, 1), (full, 1000, 3)):
        for variant in plan.variants:
            with torch.device("meta"):
                network = plan.network(variant, classes)
                side = network.input_size
                assert network(torch.zeros(1, channels, side, side)).shape == (1, classes)
            have = {name[-1] for name, _ in network.named_children() if name.startswith(("conv", "fc"))}
            assert have == set("12345678") - set(map(str, variant.without))
    wide = {variant.name: variant for variant in TABLE}["ZFNet, 3 to 5 of 512, 1024, 512"]
    with torch.device("meta"):
        assert [m.out_channels for m in small.network(wide, 30).children() if hasattr(m, "out_channels")] == [
            24, 64, 128, 256, 128, 1024, 1024, 30,
        ]  # fmt: skip
        assert small.network(TABLE[0], 30).input_size == 99
    assert small.recipe.seed == small.seed == 3
    assert full.recipe == sw.training.zeiler_recipe()
    assert "scale" not in full.to_dict()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"variants": ()}, "variants must not be empty"),
        ({"variants": VARIANTS[:1] * 2}, "two variants are called 'AlexNet'"),
        ({"narrowed": 3}, "narrowed 3 does not divide a width of 4"),
        ({"classes": 1}, "classes must be a whole number from 2 on"),
    ],
)
def test_a_plan_that_is_none_is_refused(plan, changes, match):
    with pytest.raises(ValueError, match=match):
        replace(plan, **changes)


def test_data_that_is_too_little_is_refused(drawings, plan, tmp_path):
    with pytest.raises(ValueError, match="the plan wants 4 classes, and data has 3"):
        layer_removal(drawings, tmp_path, replace(plan, classes=4), progress=False)
    with pytest.raises(ValueError, match="none is left to test on"):
        layer_removal(drawings, tmp_path, replace(plan, per_class=20), progress=False)
    with pytest.raises(ValueError, match="'small', 'full' or a LayerRemovalPlan"):
        layer_removal(drawings, tmp_path, "medium")


def rows():
    """Errors of 1,000 pictures that are those of the paper."""
    return tuple(
        LayerRemovalRow(name, 9, 1, round(10 * train), 1000, round(10 * top1), round(10 * top5), 1000)
        for name, (train, top1, top5) in PUBLISHED.items()
    )


def test_the_published_numbers_have_the_published_orderings():
    result = LayerRemoval(rows(), {"classes": 1000})
    orderings = result.orderings()
    assert len(orderings) == 15
    assert not [one for one in orderings if one.holds == "no"]
    for one in orderings:
        assert one.published == (one.higher.value, one.lower.value)
        if one.margin is None:
            assert one.higher.value > one.lower.value
        else:
            assert one.higher.value - one.lower.value < one.margin
            assert one.holds == "undecided"  # 1,000 pictures are too few to tell two points
    many = LayerRemoval(
        tuple(
            replace(
                row,
                **{
                    k: 1000 * getattr(row, k)
                    for k in ("train_wrong", "train_total", "top1_wrong", "top5_wrong", "total")
                },
            )
            for row in rows()
        )
    )
    assert sum(one.margin is not None for one in many.orderings()) == 5
    assert {one.holds for one in many.orderings()} == {"yes"}
    apart = {one.sentence for one in orderings if one.holds == "yes"}
    assert "Without 3, 4, 6 and 7 it is higher than without 6 and 7." in apart
    assert "Wider layers 3 to 5 help." not in apart  # by 0.9 per cent of 1,000
    # The other way round, where everything is.
    upside = LayerRemoval(
        tuple(
            replace(row, top1_wrong=1000 - row.top1_wrong, top5_wrong=0, train_wrong=1000 - row.train_wrong)
            for row in rows()
        )
    )
    assert {one.holds for one in upside.orderings()} == {"no", "undecided"}


def test_errors_of_the_same_pictures_are_compared_picture_by_picture(tmp_path):
    """1.2 points of 1,000 pictures, two thirds of which both name wrong."""

    def row(name, wrong):
        right = np.setdiff1d(np.arange(1000), wrong)
        named = NamedRight.of(np.isin(np.arange(1000), right))
        return LayerRemovalRow(name, 9, 1, len(wrong), 1000, len(wrong), 0, 1000, named, named)

    rows = row("AlexNet", np.r_[0:384]), row("AlexNet, 6 and 7 removed", np.r_[2:398])
    result = LayerRemoval(rows, {})
    top1, train = result.orderings()
    assert top1.pairs == Pairs(both=382, first=14, second=2, neither=602, counted="wrong")
    assert (top1.holds, train.holds) == ("yes", "no")
    assert train.pairs == Pairs(both=382, first=2, second=14, neither=602, counted="wrong")
    assert "difference +1.2 (+0.4 to +2.0), only one wrong: 14 / 2, p 0.0042" in result.orderings_table()
    result.save(tmp_path / "r.json")
    assert LayerRemoval.open(tmp_path / "r.json") == result
    before = LayerRemoval(tuple(replace(each, train_named=None, top1_named=None) for each in rows))
    assert {one.holds for one in before.orderings()} == {"undecided"}
    with pytest.raises(ValueError, match="names 616 of 1000"):
        replace(rows[0], train_wrong=383)


def test_a_difference_that_another_seed_makes_too_is_none():
    """Of the two networks that are trained twice, the one that this changes more counts; each kind of error has its own."""

    def row(name, wrong, train=300):
        named = [NamedRight.of(np.arange(1000) >= count) for count in (train, wrong)]
        return LayerRemovalRow(name, 9, 1, train, 1000, wrong, 0, 1000, *named)

    rows = row("AlexNet", 384), row("AlexNet, 6 and 7 removed", 396, 290), row("ZFNet", 380)
    for seeds, holds in (((373, 380), "yes"), ((396, 380), "undecided"), ((384, 368), "undecided")):
        again = [
            row(f"{name}, another seed", wrong)
            for name, wrong in zip(("AlexNet", "ZFNet"), seeds, strict=True)
        ]
        found = {one.sentence: one for one in LayerRemoval((*rows, *again)).orderings()}
        dense = found["Without the layers 6 and 7 the error is higher."]
        assert dense.chance == max(abs(seeds[0] - 384), abs(seeds[1] - 380))
        assert dense.holds == holds
        train = found["Without 6 and 7 the training is learned better (training top-1)."]
        assert (train.chance, train.holds) == (0, "yes")
    assert "another seed 12" in found["Without the layers 6 and 7 the error is higher."].cells()[2]


def test_another_seed_is_another_training(drawings, plan, whole, tmp_path):
    variants = (VARIANTS[1], replace(VARIANTS[1], name="AlexNet, another seed", seed=1))
    assert "seed" not in variants[0].to_dict()  # rows on a disk that know of no seed stay what they are
    first, again = layer_removal(drawings, tmp_path, replace(plan, variants=variants), progress=False).rows
    assert first == whole[0].rows[1]
    weights = [
        Fitted.load(tmp_path / "networks" / name).network.state_dict()
        for name in ("alexnet-3-4-6-and-7-removed", "alexnet-another-seed")
    ]
    assert any(not torch.equal(one, weights[1][name]) for name, one in weights[0].items())
    assert {variant.name for variant in LayerRemovalPlan.small().variants} - set(PUBLISHED) == {
        "AlexNet, another seed", "ZFNet, another seed"
    }  # fmt: skip
    assert len(again.to_dict()["top1_right"]) == 4


def test_the_result_shows_itself_beside_the_paper(tmp_path):
    result = LayerRemoval(rows(), {"classes": 30})
    figure = result.figure()
    bars = [tile for section in figure.sections for tile in section.tiles]
    assert [name for name, _, _ in bars[0].series] == ["here", "published"]
    np.testing.assert_allclose(bars[0].series[0][2], bars[0].series[1][2])
    assert "chance 96.7 % wrong" in figure.to_html()
    assert figure.to_png()[1:4] == b"PNG"
    assert "| ZFNet | 9 | 33.1 | 38.4 (35.4 to 41.5) | 16.5 | 33.1 / 38.4 / 16.5 |" in result.table()
    assert "<table>" in result._repr_html_()
    found = json.loads(result.to_json())
    assert found["rows"][0]["errors"]["top1"] == {"percent": 40.5, "interval": [37.5, 43.6]}
    assert found["published"]["errors_percent"]["ZFNet"]["top5"] == 16.5
    result.save(tmp_path / "r.json")
    assert LayerRemoval.open(tmp_path / "r.json") == result
    with pytest.raises(ValueError, match="5 and 9 wrong of 10"):
        LayerRemovalRow("AlexNet", 1, 1, 0, 10, 5, 9, 10)


def test_the_command_says_what_is_wrong(tmp_path):
    from sketchwidgets.cli import app

    arguments = ["study", "layer-removal", str(tmp_path / "none.npz"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 1
    assert "there is no file of drawings" in done.output


def test_what_was_measured_here_can_be_opened(repository):
    path = repository / "docs" / "results" / "layer-removal.json"
    if not path.exists():
        pytest.skip("not measured yet")
    result = LayerRemoval.open(path)
    assert result.settings["scale"] in ("small", "full")
    assert result.to_json() == path.read_text(encoding="utf-8")
    assert isinstance(result.figure(), sw.Figure)

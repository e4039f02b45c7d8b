"""Sketch recognisers compared, threefold: against machines fitted by hand, cut off, and beside the published table."""

import json
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.models import save_weights
from sketchwidgets.models.classical import HOGSVM, CNNFeatureSVM
from sketchwidgets.models.ensemble import FeatureFusion, JointBayesian, concatenate, fuse_scores
from sketchwidgets.studies import (
    ComparedRecognizer,
    Contestant,
    NamedRight,
    Pairs,
    RecognizerComparison,
    RecognizersPlan,
    sketch_recognizers,
)
from sketchwidgets.studies.recognizers import _methods
from sketchwidgets.studies.recognizers._result import PUBLISHED

HOG = Contestant("HOG-SVM", "machine", "small", {"machine": "HOGSVM", "words": 12, "grid": 8, "samples": 500})
ENSEMBLE = ("scale 64", "score fusion", "feature fusion", "Joint Bayesian, 2 views")
LENET = Contestant(
    "LeNet",
    "network",
    "two epochs",
    {"network": "lenet", "size": 36},
    sw.training.Recipe(epochs=2, batch_size=4, views=sw.training.Views(size=36, test="centre")),
)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Lines along, across and slanted, at any place."""
    rng = np.random.default_rng(0)
    images = np.full((18, 60, 60), 255, np.uint8)
    for i in range(18):
        row, column = rng.integers(5, 20, 2)
        way = np.arange(30)
        images[i, row + way * (i % 3 > 0), column + way * (i % 3 < 2)] = 0
    path = tmp_path_factory.mktemp("data") / "lines.npz"
    np.savez(path, images=images, label=np.arange(18) % 3, classes=["along", "slanted", "across"])
    return path


@pytest.fixture(scope="module")
def loaded(data):
    images, labels, _ = sw.training.load_images_npz(data)
    return images, labels, sw.training.three_folds(labels)


def test_a_machine_is_counted_as_by_hand(data, loaded, tmp_path):
    images, labels, folds = loaded
    row = sketch_recognizers(data, tmp_path, RecognizersPlan((HOG,)), progress=False)["HOG-SVM"]
    for fold in range(3):
        machine = HOGSVM(words=12, grid=8, samples=500, progress=False)
        machine.fit(images[folds != fold], labels[folds != fold])
        said = machine.predict(images[folds == fold])
        assert row.right[fold] == (said == labels[folds == fold]).sum()
        np.testing.assert_array_equal(row.named.each[folds == fold], said == labels[folds == fold])
    assert row.total == (6, 6, 6)
    assert row.accuracy == pytest.approx(sum(row.right) / 18)


def test_features_of_a_network_are_counted_as_by_hand(data, loaded, tmp_path, monkeypatch):
    images, labels, folds = loaded
    network = sw.models.create("lenet", classes=3)
    monkeypatch.setattr(_methods, "_known", lambda name: network)
    row = Contestant("AlexNet-SVM", "features", "LeNet", {"network": "any", "layer": "pool2"})
    found = sketch_recognizers(data, tmp_path, RecognizersPlan((row,)), progress=False)["AlexNet-SVM"]
    machine = CNNFeatureSVM(network, "pool2", progress=False).fit(images[folds != 1], labels[folds != 1])
    said = machine.predict(images[folds == 1])
    assert found.right[1] == (said == labels[folds == 1]).sum()
    np.testing.assert_array_equal(found.named.each[folds == 1], said == labels[folds == 1])


def test_a_study_that_was_cut_off_within_a_row_goes_on(data, tmp_path, monkeypatch):
    plan = RecognizersPlan((LENET,))
    whole = sketch_recognizers(data, tmp_path / "whole", plan, progress=False)
    fit, made = _methods.fit, []

    def until_the_second(*arguments, **options):
        if len(made) == 1:
            raise KeyboardInterrupt
        made.append(arguments)
        return fit(*arguments, **options)

    monkeypatch.setattr(_methods, "fit", until_the_second)
    with pytest.raises(KeyboardInterrupt):
        sketch_recognizers(data, tmp_path / "cut", plan, progress=False)
    kept = tmp_path / "cut" / "rows" / "lenet-fold-0.json"
    written = kept.stat().st_mtime_ns
    monkeypatch.setattr(_methods, "fit", fit)
    again = sketch_recognizers(data, tmp_path / "cut", plan, progress=False)
    assert again.rows == whole.rows
    assert again.rows[0].named.total == 18
    assert kept.stat().st_mtime_ns == written
    assert RecognizerComparison.open(tmp_path / "cut" / "result.json").rows == whole.rows
    other = replace(LENET, recipe=replace(LENET.recipe, epochs=1))
    with pytest.raises(ValueError, match="measured otherwise"):
        sketch_recognizers(data, tmp_path / "cut", RecognizersPlan((other,)), progress=False)


def test_an_ensemble_gives_the_row_that_is_asked_for(data, tmp_path, monkeypatch):
    asked = {}

    def trained(path, folder, **options):
        asked.update(options, path=path, folder=folder)
        rows = {"scale 256": ((5, 4, 3), (6, 6, 6)), "Joint Bayesian": ((6, 6, 5), (6, 6, 6))}
        return {name: SimpleNamespace(right=right, total=total) for name, (right, total) in rows.items()}

    monkeypatch.setattr(_methods, "train_ensemble", trained)
    row = Contestant("Sketch-a-Net, full", "ensemble", "x", {"training_views": 2, "row": "Joint Bayesian"})
    found = sketch_recognizers(data, tmp_path, RecognizersPlan((row,), seed=4), progress=False)
    assert found.rows[0].right == (6, 6, 5)
    assert asked == {
        "training_views": 2, "seed": 4, "progress": False, "path": data, "folder": tmp_path / "ensemble"
    }  # fmt: skip
    with pytest.raises(ValueError, match="per_class"):
        sketch_recognizers(data, tmp_path, RecognizersPlan((row,), per_class=3), progress=False)


def test_an_ensemble_names_its_images_by_the_outputs_in_its_folder(data, loaded, tmp_path, monkeypatch):
    """Outputs of two scales, ten views and fusions made by hand; features of the six images stand apart by label."""
    _, labels, folds = loaded
    rng = np.random.default_rng(2)
    place, said = tmp_path / "ensemble", {name: [] for name in ENSEMBLE}
    place.mkdir()
    for fold in range(3):
        truth = labels[folds == fold]
        scores, features = rng.normal(size=(2, 10, 6, 3)), rng.normal(size=(2, 10, 6, 4))
        features[..., :3] += 2 * np.eye(3)[truth]
        for scale, of, seen in zip((256, 64), scores, features, strict=True):
            kept = {f"scores.{view}": torch.tensor(values) for view, values in enumerate(of)}
            kept |= {f"features.{view}": torch.tensor(values) for view, values in enumerate(seen)}
            save_weights(place / f"fold{fold}-scale{scale}-test.safetensors", kept, {}, dtype="float32")
        learnt = np.tile(np.eye(4)[[0, 1, 2]], (4, 1)) + rng.normal(size=(12, 4)) / 4
        learnt = np.stack([learnt, learnt], 1).astype(np.float32)
        feature = FeatureFusion().fit(learnt, np.tile([0, 1, 2], 4))
        joint = JointBayesian(4).fit(concatenate(learnt), np.tile([0, 1, 2], 4))
        feature.save(place / f"fold{fold}-feature-fusion.safetensors")
        joint.save(place / f"fold{fold}-joint-bayesian.safetensors")
        all_views, two = (np.stack([each[:n].mean(0) for each in features], 1) for n in (10, 2))
        said["scale 64"].append(scores[1].mean(0).argmax(1))
        said["score fusion"].append(fuse_scores(np.stack([each.mean(0) for each in scores], 1)).argmax(1))
        said["feature fusion"].append(feature.predict(all_views))
        said["Joint Bayesian, 2 views"].append(joint.predict(concatenate(two), 3))

    def row(name, spoilt=0):
        right = [int((one == labels[folds == k]).sum()) for k, one in enumerate(said[name])]
        made = SimpleNamespace(right=(right[0] - spoilt, *right[1:]), total=(6, 6, 6))
        monkeypatch.setattr(_methods, "train_ensemble", lambda *a, **k: {name: made})
        asked = Contestant(
            f"{name} {spoilt}", "ensemble", "x", {"scales": [256, 64], "neighbours": 3, "row": name}
        )
        return sketch_recognizers(data, tmp_path, RecognizersPlan((asked,)), progress=False).rows[0]

    for name in ENSEMBLE:
        found = row(name)
        for fold, one in enumerate(said[name]):
            np.testing.assert_array_equal(found.named.each[folds == fold], one == labels[folds == fold])
    # Counts that the files do not give: nothing is paired.
    assert row("Joint Bayesian, 2 views", spoilt=1).named is None


def test_pictures_are_black_on_white_at_any_size(loaded):
    images = loaded[0]
    for size in (36, 256):
        pictures = _methods.pictures_of(images[:2], size)
        assert pictures.shape == (2, size, size)
        assert pictures.dtype == np.uint8
        assert pictures.max() == 255
        assert pictures.min() < 80


def test_the_small_plan_has_every_row_of_the_table():
    for plan in (RecognizersPlan.small(), RecognizersPlan.full()):
        names = {row.name for row in plan.contestants}
        assert set(PUBLISHED) - names == {"Humans"}
        json.dumps([row.to_dict() for row in plan.contestants])
    with pytest.raises(ValueError, match="no row 'Vision'"):
        RecognizersPlan.small().only("Vision")
    with pytest.raises(ValueError, match="recipe"):
        Contestant("x", "network", "no recipe")


def test_the_table_and_the_orderings_follow_the_published_order():
    def row(name, right):
        return ComparedRecognizer(name, "x", (right,) * 3, (800,) * 3)

    result = RecognizerComparison(
        (row("HOG-SVM", 600), row("Sketch-a-Net 1.0", 590), row("LeNet", 500), row("mine", 700))
    )
    lines = [line.split(" | ")[0].lstrip("| ") for line in result.table().splitlines()[2:]]
    assert lines == ["Sketch-a-Net 1.0", "Humans", "HOG-SVM", "LeNet", "mine"]
    assert [(o.sentence, o.published, o.holds) for o in result.orderings()] == [
        ("Sketch-a-Net 1.0 is better than HOG-SVM.", (74.9, 56.0), "undecided"),
        ("HOG-SVM is better than LeNet.", (56.0, 55.2), "yes"),
    ]
    assert "Humans" in result.figure().to_svg()
    # 590 and 600 of 800 in each fold, and of the same images: all but these ten.
    hog, san = (
        replace(result[name], named=NamedRight.of(np.arange(2400) < 3 * right))
        for name, right in (("HOG-SVM", 600), ("Sketch-a-Net 1.0", 590))
    )
    (found,) = RecognizerComparison((hog, san)).orderings()
    assert (found.pairs, found.holds) == (Pairs(1770, 0, 30, 600), "no")
    assert ComparedRecognizer.from_dict(json.loads(json.dumps(hog.to_dict()))) == hog
    with pytest.raises(ValueError, match="names 1770 of 2400"):
        replace(hog, named=san.named)
    with pytest.raises(ValueError, match="counts"):
        ComparedRecognizer("x", "x", (9,), (8,))


def test_the_command_says_what_is_wrong(tmp_path):
    from sketchwidgets.cli import app

    arguments = ["study", "sketch-recognizers", str(tmp_path / "no.npz"), "--out", str(tmp_path)]
    found = CliRunner().invoke(app, arguments)
    assert found.exit_code == 1
    assert "no.npz" in found.output

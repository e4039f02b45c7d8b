"""The study of features that are carried over: what it measures, that it resumes, and how it shows itself."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsOneClassifier
from sklearn.svm import SVC
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.studies import Transfer, TransferPlan, TransferRow, transfer
from sketchwidgets.studies.transfer_learning._classifiers import softmax_accuracy, svm_accuracy
from sketchwidgets.studies.transfer_learning._features import LayerFeatures
from sketchwidgets.studies.transfer_learning._result import PUBLISHED, TABLE_6
from sketchwidgets.training import Fitted, Recipe, Views

RECIPE = Recipe(
    epochs=2,
    batch_size=8,
    optimizer="adamw",
    learning_rate=1e-2,
    views=Views(size=72, test="centre", mirror=0.0),
)
SHAPES = ([(50, 0), (50, 99)], [(0, 50), (99, 50)], [(0, 0), (99, 99)], [(99, 0), (0, 99)])


@pytest.fixture(scope="module")
def drawings():
    """80 lines of four directions, each a class."""
    sketches = [sw.Sketch([np.array(SHAPES[i % 4], float)]) for i in range(80)]
    made = sw.training.pack_sketches(sketches, np.arange(80) % 4, ["down", "across", "falling", "rising"])
    shaken = made.points + np.random.default_rng(0).normal(0, 4, made.points.shape).astype(np.float32)
    return replace(made, points=shaken)


@pytest.fixture(scope="module")
def plan():
    arguments = {"channels": 1, "size": 64, "conv": [4, 4, 4, 4, 4], "fc": 8}
    return TransferPlan(
        RECIPE, RECIPE, 3, "zfnet", arguments, (4, 9), measured=8, svm=(1, 7), softmax=(5, 7), folds=2
    )


@pytest.fixture(scope="module")
def other():
    """Images, 7 of each of two classes: above and below."""
    images = np.full((14, 72, 72), 255, np.uint8)
    images[::2, 5:20, 8:60] = 0
    images[1::2, 50:66, 8:60] = 0
    images -= np.random.default_rng(1).integers(0, 50, images.shape).astype(np.uint8)
    return images, np.arange(14) % 2, ("above", "below")


@pytest.fixture(scope="module")
def whole(drawings, plan, other, tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    return transfer(drawings, folder, plan, targets={"bars": other}, progress=False), folder


def test_it_has_the_cells_that_the_data_allows(whole, plan):
    result, _ = whole
    own = "QuickDraw, other half"
    assert [(row.target, row.per_class, row.classifier) for row in result.rows] == [
        (own, 4, "softmax (7)"),
        (own, 9, "softmax (7)"),
        (own, 9, "softmax (5)"),
        (own, 9, "SVM (1)"),
        (own, 9, "SVM (7)"),
        ("bars", 4, "softmax (7)"),  # 9 of 7 there are not
        ("bars", 4, "softmax (5)"),
        ("bars", 4, "SVM (1)"),
        ("bars", 4, "SVM (7)"),
        (own, 4, "from scratch"),
        (own, 9, "from scratch"),
        ("bars", 4, "from scratch"),
    ]
    assert {len(row.accuracies) for row in result.rows} == {plan.folds}
    assert [row.tested for row in result.rows[:2]] == [16, 16]
    assert result.rows[5].tested == 6
    learned = result.settings["source"]["class_names"]
    carried = result.settings["targets"][own]["class_names"]
    assert not set(learned) & set(carried)
    assert len(learned) == len(carried) == 2
    assert result["bars, 4 a class: SVM (1)"].mean == 100.0


def test_features_are_what_the_layers_give(whole, other, tmp_path):
    """Against the network's own layers, run one after the other on the pictures as it is fed them."""
    fitted = Fitted.load(whole[1] / "features-network")
    features = LayerFeatures(fitted, other, 14, tmp_path)
    seen = torch.from_numpy(1 - other[0] / 255)[:, None, 4:68, 4:68].float()
    modules = dict(fitted.network.named_children())
    ends = {1: "norm1", 2: "norm2", 3: "relu3", 4: "relu4", 5: "pool5", 6: "relu6", 7: "relu7"}
    with torch.no_grad():
        maps, wanted = seen, {}
        for name, module in modules.items():
            maps = module(maps)
            wanted |= {layer: maps.flatten(1).numpy() for layer, end in ends.items() if end == name}
    for layer, values in wanted.items():
        unit = np.sqrt(np.square(values).sum(1).mean()) or 1.0
        np.testing.assert_allclose(features.matrix(layer), values / unit, rtol=2e-3, atol=2e-4)
        products = values @ values.T
        scale = np.trace(products) / 14 or 1.0
        np.testing.assert_allclose(features.kernel(layer), products / scale, rtol=5e-3, atol=5e-4)
    with pytest.raises(ValueError, match="no layer 8"):
        features.of(8)
    with pytest.raises(ValueError, match="features of other pictures"):
        LayerFeatures(fitted, other, 13, tmp_path).of(3)


def test_the_classifiers_are_scikit_learns(monkeypatch):
    from sketchwidgets.studies.transfer_learning import _classifiers

    rng = np.random.default_rng(2)
    labels = np.repeat([0, 1, 2], 20)
    features = (rng.normal(0, 1, (60, 40)) + 2.5 * np.eye(3, 40)[labels]).astype(np.float32)
    train, test = sw.training.split_per_class(labels, 12)
    for strengths in ("_SVM", "_SOFTMAX"):
        monkeypatch.setattr(_classifiers, strengths, (3.0,))

    def share(machine):
        right = machine.fit(features[train], labels[train]).predict(features[test]) == labels[test]
        return np.mean([right[labels[test] == k].mean() for k in range(3)])

    kernel = features @ features.T
    found = svm_accuracy(kernel, labels, train, test)
    assert found == pytest.approx(share(OneVsOneClassifier(SVC(kernel="linear", C=3.0))), abs=0.05)
    assert 0.4 < found < 1
    assert softmax_accuracy(features, labels, train, test) == pytest.approx(share(LogisticRegression(C=3.0)))


def test_how_much_a_classifier_is_held_back_is_chosen_on_the_training_pictures_alone(monkeypatch):
    from sketchwidgets.studies.transfer_learning import _classifiers

    labels, asked_about = np.repeat([0, 1], 15), []
    train, test = sw.training.split_per_class(labels, 9)

    def named(strength, known, asked):
        asked_about.append(set(asked) | set(known))
        return labels[asked] if strength == 5.0 else 1 - labels[asked]

    assert _classifiers._best((1.0, 5.0, 9.0), named, labels, train) == 5.0
    assert set.union(*asked_about) == set(train)
    assert not set(test) & set(train)


def test_a_run_that_is_cut_off_ends_with_the_same_rows(whole, drawings, plan, other, tmp_path, monkeypatch):
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
        left, runs = 8, runs + 1
        assert runs < 20
        try:
            result = transfer(drawings, tmp_path, plan, targets={"bars": other}, every=1, progress=False)
        except RuntimeError as error:
            assert "power" in str(error)  # noqa: PT017
    assert runs >= 3
    assert result.rows == whole[0].rows
    left = 0
    again = transfer(drawings, tmp_path, plan, targets={"bars": other}, progress=False)
    assert again.rows == Transfer.open(tmp_path / "result.json").rows == result.rows
    with pytest.raises(ValueError, match="otherwise than this plan asks"):
        transfer(drawings, tmp_path, replace(plan, folds=3), targets={"bars": other}, progress=False)
    with pytest.raises(ValueError, match="network of another recipe"):
        transfer(drawings, tmp_path, replace(plan, recipe=replace(RECIPE, seed=1)), progress=False)


def test_a_network_of_fit_is_taken_as_it_is(whole, plan, other, tmp_path):
    small = replace(plan, counts=(4,), svm=(3,), softmax=())
    network = whole[1] / "features-network"
    seen = []

    def first(row):
        seen.append(row.name)
        return False

    result = transfer(network, tmp_path, small, targets={"bars": other}, progress=False, callback=first)
    assert seen == ["bars, 4 a class: SVM (3)"] == [row.name for row in result.rows]
    assert result.settings["source"]["network"] == "features-network"
    with pytest.raises(ValueError, match="targets must not be empty"):
        transfer(network, tmp_path, small, progress=False)
    with pytest.raises(ValueError, match="bars: a class has 7 pictures, too few for 9"):
        transfer(network, tmp_path, replace(small, counts=(9,)), targets={"bars": other}, progress=False)


def test_the_plans_are_what_the_paper_does():
    for plan in (TransferPlan.small(seed=2), TransferPlan.full(seed=2)):
        assert plan.counts == (15, 30, 45, 60)
        assert (plan.measured, plan.recipe.seed) == (50, 2)
        assert {1, 2, 3, 4, 5, 7} <= set(plan.svm)
        with torch.device("meta"):
            network = plan.create(10)
        names = [name for name, _ in network.named_children() if name.startswith(("conv", "fc"))]
        assert [int(name[-1]) for name in names] == list(range(1, 9))
    assert TransferPlan.full().folds == 5
    with pytest.raises(ValueError, match=r"counts\[1\] must be a whole number from 2 on"):
        replace(TransferPlan.small(), counts=(15, 1))


def published_rows(shift=0.0):
    """The published numbers as if they were measured here."""
    made = []
    for like, cells in PUBLISHED.items():
        for (kind, layer, n), (mean, _) in cells.items():
            if kind == "softmax" and layer == 7 and n == (60 if like == "Caltech-256" else 30):
                mean = TABLE_6[like]
            shares = tuple((mean + shift + d) / 100 for d in (-0.01, 0.0, 0.01))
            made.append(TransferRow(like, like, kind, layer, n, shares, 101, 500))
    return tuple(made)


def test_the_published_numbers_have_the_published_orderings():
    orderings = Transfer(published_rows()).orderings()
    assert len(orderings) == (2 + 1 + 4 + 2) + (4 + 1 + 4 + 3)
    assert {one.holds for one in orderings} == {"yes"}
    for one in orderings:
        assert one.published[0] > one.published[1]
        if "from scratch" not in one.sentence:
            assert one.published == (one.higher.value, one.lower.value)
    turned = tuple(
        replace(row, accuracies=tuple(1 - share for share in row.accuracies)) for row in published_rows()
    )
    assert {one.holds for one in Transfer(turned).orderings()} == {"no"}


def test_the_result_shows_itself_beside_the_paper(tmp_path):
    result = Transfer(published_rows())
    figure = result.figure()
    assert [section.title for section in figure.sections] == ["Caltech-101", "Caltech-256"]
    counts, layers = figure.sections[1].tiles
    assert [name for name, _, _ in counts.series] == [
        "pretrained",
        "pretrained, Caltech-256",
        "from scratch",
        "from scratch, Caltech-256",
    ]
    np.testing.assert_allclose(counts.series[2][2], counts.series[3][2])
    np.testing.assert_allclose(layers.series[0][2], [24.6, 39.6, 46.0, 51.3, 65.6, 71.7])
    assert figure.to_png()[1:4] == b"PNG"
    assert "| Caltech-256 | 60 | SVM (5) | 65.6 ± 0.0 | 65.6 ± 0.3 (Caltech-256) |" in result.table()
    assert "<table>" in result._repr_html_()
    found = json.loads(result.to_json())
    assert found["rows"][0]["mean"] == 22.8
    assert found["published"]["accuracy_percent"][0]["deviation"] == 1.5
    result.save(tmp_path / "r.json")
    assert Transfer.open(tmp_path / "r.json") == result
    with pytest.raises(ValueError, match="no 'svm' like 'ImageNet'"):
        replace(result.rows[4], like="ImageNet")
    with pytest.raises(ValueError, match="accuracies"):
        replace(result.rows[4], accuracies=(1.2,))


def test_the_command_says_what_is_wrong(tmp_path):
    from sketchwidgets.cli import app

    for arguments, message in (
        ([str(tmp_path / "none.npz")], "there is no file of drawings"),
        ([str(tmp_path), "--target", "TU-Berlin"], "--target must be NAME=PATH, not 'TU-Berlin'"),
    ):
        done = CliRunner().invoke(app, ["study", "transfer", *arguments, "--out", str(tmp_path / "out")])
        assert done.exit_code == 1
        assert message in done.output


def test_what_was_measured_here_can_be_opened(repository):
    path = repository / "docs" / "results" / "transfer.json"
    if not path.exists():
        pytest.skip("not measured yet")
    result = Transfer.open(path)
    assert result.settings["scale"] in ("small", "full")
    assert result.to_json() == path.read_text(encoding="utf-8")
    assert isinstance(result.figure(), sw.Figure)

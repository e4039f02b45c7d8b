"""Feature evolution of a training: the moments, what is measured at them, and that it goes on where it was cut off."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.cli import app
from sketchwidgets.studies import Checkpoint, EvolutionPlan, TrainingEvolution, training_evolution
from sketchwidgets.studies._drawings import of_classes
from sketchwidgets.studies.evolution._plan import TEN
from sketchwidgets.studies.evolution._similarity import alignment, alignment_error, features, gram
from sketchwidgets.studies.evolution._study import _Run
from sketchwidgets.training import DrawingSet, Recipe, Views


@pytest.fixture(scope="module")
def drawings():
    """40 scribbles of four kinds, every fifth kept apart."""
    rng = np.random.default_rng(3)
    n_strokes = rng.integers(1, 4, 40)
    stroke_len = rng.integers(2, 9, n_strokes.sum())
    return DrawingSet(
        rng.uniform(0, 255, (stroke_len.sum(), 2)).astype(np.float32),
        None,
        stroke_len,
        n_strokes,
        np.arange(40) % 4,
        np.arange(40, dtype=np.uint64),
        ("ant", "bee", "cat", "dog"),
    )


PLAN = EvolutionPlan(
    classes=("cat", "ant"),
    width=1 / 16,
    recipe=Recipe(epochs=3, batch_size=8, learning_rate=1e-3, optimizer="adamw", views=Views(test="centre")),
    moments=(0, 1, 2),
    channels=2,
    images=5,
    compared=4,
)


@pytest.fixture(scope="module")
def run(drawings, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run")
    return folder, training_evolution(drawings, folder, PLAN, progress=False)


def test_there_is_a_row_for_each_moment_and_no_more_is_trained(run):
    folder, result = run
    assert [(row.epoch, row.step) for row in result.rows] == [(0, 0), (1, 2), (2, 4)]
    assert {row.total for row in result.rows} == {4}
    assert sorted(p.name for p in (folder / "moments").iterdir()) == [
        f"epoch-0000{k}.safetensors" for k in range(3)
    ]
    assert set(result.rows[-1].similarity.values()) <= {0.0, 1.0}  # a dead layer is like nothing
    assert result.rows[0].changed is None
    assert result.settings["classes"] == ["cat", "ant"] or result.settings["classes"] == ("cat", "ant")
    assert TrainingEvolution.open(folder / "result.json").rows == result.rows


def test_the_player_opens_what_it_leaves(run, drawings):
    folder, result = run
    shown = sw.FeatureEvolution.open(folder / "evolution")
    assert shown.epochs == PLAN.moments
    assert list(shown) == list(result.layers)
    assert shown["relu1"].images.shape == (2, 3)
    player = sw.EvolutionPlayer(folder / "evolution")
    assert player.epoch == 2
    player.close()
    assert result.rows[1].changed["relu1"] == pytest.approx(
        float(shown.changed("relu1")[:, 1].double().mean())
    )


def test_a_run_that_is_cut_off_ends_with_the_same(run, drawings, tmp_path):
    _, whole = run
    seen = []

    def cut(row):
        seen.append(row)
        raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            training_evolution(drawings, tmp_path, PLAN, progress=False, callback=cut)
    again = training_evolution(drawings, tmp_path, PLAN, progress=False)
    assert again.rows == whole.rows
    with pytest.raises(ValueError, match="otherwise than this plan asks"):
        training_evolution(drawings, tmp_path, replace(PLAN, channels=1), progress=False)


def test_alignment_is_that_of_centred_features():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(12, 5)), rng.normal(size=(12, 3))
    cx, cy = x - x.mean(0), y - y.mean(0)
    norm = np.linalg.norm
    oracle = norm(cy.T @ cx) ** 2 / (norm(cx.T @ cx) * norm(cy.T @ cy))  # Kornblith et al., equation 5
    assert alignment(gram(x), gram(y)) == pytest.approx(oracle)
    assert alignment(gram(x), gram(0 * y)) == 0
    assert alignment_error(gram(x), gram(x), seed=0) == pytest.approx(0, abs=1e-12)
    assert 0.01 < alignment_error(gram(x), gram(y), seed=0) < 0.5


def test_features_are_averaged_maps_and_nothing_is_left_on_the_network():
    network = sw.models.create("sketch_a_net", classes=2, width=1 / 16).eval()
    images = torch.rand(3, 1, 225, 225)
    found = features(network, images, ["relu1", "relu7"])
    with torch.no_grad():
        maps = torch.relu(network.conv1(images))
    oracle = torch.nn.functional.adaptive_avg_pool2d(maps, 8).flatten(1)
    np.testing.assert_allclose(found["relu1"], oracle, atol=1e-5)
    assert not network.relu1._forward_hooks


def test_only_the_classes_that_are_asked_for(drawings):
    two = of_classes(drawings, ("dog", "bee"))
    assert two.classes == ("dog", "bee")
    index = int(np.flatnonzero(two.key_id == 7)[0])
    assert two.label[index] == 0
    for mine, theirs in zip(two.strokes(index), drawings.strokes(7), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    several = replace(drawings, classes=(*drawings.classes, "emu", "fox", "gnu"))
    asked, there = "the study asks for cat, owl", "data has ant, bee, cat, dog, emu and 2 more"
    with pytest.raises(
        ValueError, match=rf"data has no class 'owl'; {asked}, and {there}\. .* or with --classes"
    ):
        of_classes(several, ("cat", "owl"))
    with pytest.raises(ValueError, match="twice"):
        of_classes(drawings, ("ant", "ant"))


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"moments": (0, 9)}, "moments must be epochs from 0 to 3"),
        ({"moments": (0,)}, "one of 1 or later"),
        ({"moments": (2, 1)}, "must ascend"),
        ({"channels": 0}, "channels must be at least 1"),
        ({"recipe": Recipe(views=Views(span=255.0))}, "must leave the pictures as they are"),
    ],
)
def test_a_plan_that_is_none_is_refused(changes, match):
    with pytest.raises(ValueError, match=match):
        replace(PLAN, **changes)


def test_orderings_compare_how_far_low_and_high_layers_have_come():
    """Not how near they are: a layer may begin near its end."""
    error = dict.fromkeys(("relu1", "relu2", "relu3", "relu4"), 0.01)
    start = {"relu1": 0.8, "relu2": 0.2, "relu3": 0.6, "relu4": 0.1}
    early = {"relu1": 0.9, "relu2": 0.9, "relu3": 0.8, "relu4": 0.2}
    end = dict.fromkeys(error, 1.0)
    rows = [Checkpoint(e, e, 1, 2, like, error, None) for e, like in ((0, start), (5, early), (9, end))]
    found = {(o.higher.name, o.lower.name): o for o in TrainingEvolution(tuple(rows)).orderings()}
    assert len(found) == 4
    # By hand: 0.1 of 0.2, 0.7 of 0.8, 0.2 of 0.4, 0.1 of 0.9.
    gone = {o.higher.name: o.higher.value for o in found.values()} | {
        o.lower.name: o.lower.value for o in found.values()
    }
    assert gone == {
        "relu1 at epoch 5": 50,
        "relu2 at epoch 5": 87.5,
        "relu3 at epoch 5": 50,
        "relu4 at epoch 5": 11.1,
    }
    assert found["relu2 at epoch 5", "relu4 at epoch 5"].holds == "yes"
    assert found["relu1 at epoch 5", "relu3 at epoch 5"].holds == "undecided"
    # The errors of both similarities, of what is left: 0.01 * sqrt(1 + 0.5^2) / 0.2 is 5.6 per cent.
    first = found["relu1 at epoch 5", "relu3 at epoch 5"].higher
    assert first.high - first.value == pytest.approx(1.96 * 5.59, abs=0.1)


def test_without_a_start_there_is_no_way_to_have_gone():
    layers = dict.fromkeys(("relu1", "relu2", "relu3", "relu4"), 0.5)
    rows = [Checkpoint(e, e, 1, 2, layers, layers, None) for e in (5, 9)]
    assert TrainingEvolution(tuple(rows)).orderings() == ()


def test_what_was_measured_is_there():
    result, shown = TrainingEvolution.measured(), TrainingEvolution.evolution()
    assert tuple(row.epoch for row in result.rows) == shown.epochs
    assert list(shown) == list(result.layers)
    assert result.rows[-1].accuracy > result.rows[0].accuracy


@pytest.mark.parametrize(
    ("given", "classes", "said"),
    [
        (("--classes", "cat, ant"), ("cat", "ant"), " --classes cat,ant"),
        (("--classes", "hot dog,bee"), ("hot dog", "bee"), " --classes 'hot dog,bee'"),
        (("--classes", "all"), (), " --classes all"),
        ((), TEN, ""),
    ],
)
def test_classes_that_the_command_names(drawings, tmp_path, monkeypatch, given, classes, said):
    def study(data, folder, plan):
        assert plan == replace(EvolutionPlan.small(3), classes=classes)
        some = replace(drawings, classes=("hot dog", "bee", "cat", "ant"))
        if classes == TEN:
            some = replace(drawings, classes=TEN)
        command = _Run(some, tmp_path / "run", plan, False).settings("my.npz")["command"]
        assert command == f"sketchwidgets study training-evolution my.npz --scale small --seed 3{said}"
        raise ValueError("so far")

    monkeypatch.setattr("sketchwidgets.studies.training_evolution", study)
    found = CliRunner().invoke(app, ["study", "training-evolution", "my.npz", "--seed", "3", *given])
    assert "so far" in found.output, found.output or found.exception


def test_the_command_says_which_classes_a_file_has(tmp_path):
    drawings = sw.training.pack_sketches(*sw.training.draw_shapes(1))
    np.savez(
        tmp_path / "mine.npz",
        xy=drawings.points,
        stroke_len=drawings.stroke_len,
        n_strokes=drawings.n_strokes,
        label=drawings.label,
        key_id=drawings.key_id,
        classes=list(drawings.classes),
    )
    arguments = ["training-evolution", str(tmp_path / "mine.npz"), "--out", str(tmp_path / "run")]
    found = CliRunner().invoke(app, ["study", *arguments])
    said = " ".join(found.output.split())
    assert found.exit_code == 1
    assert "data has no class 'airplane'" in said
    assert "data has car, cup, face, fish, house and 5 more" in said
    assert "--classes" in said

"""The stages of a long training belong to one recipe and its drawings; a folder of another is refused, untouched."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from sketchwidgets.models import SketchANet
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.training import CheckpointError, RecognizerRecipe, TwoStreamRecipe, train_recognizer
from sketchwidgets.training.recognizers import one_stream, publish
from sketchwidgets.training.recognizers._stages import Stage
from sketchwidgets.training.recognizers.two_streams import train_two_streams

# Lightning's advice on workers and logging intervals, and its own use of what torch calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:::lightning", "ignore:::torch")

GIVEN = TwoStreamRecipe()
RECIPE = TwoStreamRecipe(
    cnn=replace(
        GIVEN.cnn,
        arguments={"widths": [4, 6], "blocks": [1, 1]},
        preprocessing=Preprocessing(size=96, extent=86.0, stroke_width=2.0),
        steps=4,
        batch_size=8,
        warmup=1,
    ),
    strokes=replace(GIVEN.strokes, hidden_size=8, epochs=1, batch_size=20),
    last_layer=replace(GIVEN.last_layer, epochs=1),
)


def changing(**parts):
    return replace(RECIPE, **{name: replace(getattr(RECIPE, name), **of) for name, of in parts.items()})


@pytest.fixture(scope="module")
def trained(drawings_file, tmp_path_factory):
    folder = tmp_path_factory.mktemp("two") / "whole"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(publish, "_SCRIBBLES", 8)
        train_two_streams(drawings_file, folder, recipe=RECIPE)
    return folder


@pytest.mark.parametrize(
    ("recipe", "evaluate_on", "match"),
    [
        (changing(cnn={"steps": 4000, "learning_rate": 0.5}), None,
         r"cnn.safetensors belongs to another recipe: steps 4, learning_rate 0.002, now 4000, 0.5. Give another folder"),
        (changing(strokes={"epochs": 9}), None,
         r"strokes.safetensors belongs to another recipe: epochs 1, now 9. Give another folder, or remove strokes.saf"),
        (changing(last_layer={"epochs": 2}), None,
         r"last_layer.safetensors belongs to another recipe: last_layer.epochs 1, now 2"),
        (RECIPE, 5, r"last_layer.safetensors belongs to .* other held-out drawings \(evaluate_on\)"),
    ],
)  # fmt: skip
def test_another_recipe_does_not_take_over_what_is_there(recipe, evaluate_on, match, trained, drawings_file):
    before = {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match=match):
        train_two_streams(drawings_file, trained, recipe=recipe, evaluate_on=evaluate_on)
    assert {path: path.stat().st_mtime_ns for path in trained.rglob("*") if path.is_file()} == before


def test_other_drawings_do_not_either(trained, drawings_file, tmp_path):
    with np.load(drawings_file) as file:
        arrays = dict(file)
    np.savez(tmp_path / "other.npz", **{**arrays, "xy": arrays["xy"][::-1]})
    with pytest.raises(CheckpointError, match=r"cnn.safetensors belongs to .* other drawings"):
        train_two_streams(tmp_path / "other.npz", trained, recipe=RECIPE)


@pytest.mark.parametrize("name", ["cnn", "strokes", "last_layer"])
def test_a_folder_of_an_older_version_says_what_to_do(name, trained, drawings_file, tmp_path):
    shutil.copytree(trained, tmp_path / "old")
    path = tmp_path / "old" / f"{name}.safetensors"
    save_file(load_file(path), path)  # as they were written, with nothing beside them
    with pytest.raises(
        CheckpointError, match=rf"{name}.safetensors does not say of which .* or remove {name}.saf"
    ):
        train_two_streams(drawings_file, tmp_path / "old", recipe=RECIPE)


def test_what_is_removed_is_made_anew_and_the_rest_is_read(trained, drawings_file, tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "_SCRIBBLES", 8)
    shutil.copytree(trained, tmp_path / "some")
    (tmp_path / "some" / "last_layer.safetensors").unlink()
    before = load_file(trained / "last_layer.safetensors")
    train_two_streams(drawings_file, tmp_path / "some", recipe=RECIPE)
    after = load_file(tmp_path / "some" / "last_layer.safetensors")
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_a_cnn_of_one_stream_belongs_to_its_recipe_and_its_features_to_it(
    drawings_file, tmp_path, monkeypatch
):
    class Reached(Exception):
        pass

    def stop(*_args, **_options):
        raise Reached

    monkeypatch.setattr(one_stream, "train_cnn", lambda *_: SketchANet(6))
    monkeypatch.setattr(one_stream, "cache_features", stop)
    recipe = RecognizerRecipe(shrink=0.0)
    for _ in "ab":
        with pytest.raises(Reached):
            train_recognizer(drawings_file, tmp_path, recipe=recipe)
    for other, match in (
        (replace(recipe, cnn=replace(recipe.cnn, learning_rate=0.5)), "learning_rate 0.002, now 0.5"),
        (replace(recipe, shrink=0.1), "shrink 0.0, now 0.1"),
    ):
        with pytest.raises(CheckpointError, match=match):
            train_recognizer(drawings_file, tmp_path, recipe=other)
    (tmp_path / "cnn.safetensors").unlink()
    (tmp_path / "features").mkdir()
    with pytest.raises(CheckpointError, match="are features of a CNN that is no longer there"):
        train_recognizer(drawings_file, tmp_path, recipe=recipe)


def test_a_damaged_stage_is_named(tmp_path):
    (tmp_path / "cnn.safetensors").write_bytes(b"nothing")
    with pytest.raises(CheckpointError, match=r"cnn.safetensors: damaged .* Give another folder, or remove"):
        Stage(tmp_path / "cnn.safetensors", {}, {})

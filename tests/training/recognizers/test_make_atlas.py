"""The command that makes the atlas of a recogniser."""

import pytest
import torch
from typer.testing import CliRunner

import sketchwidgets as sw
from sketchwidgets.cli import app
from sketchwidgets.models import RecurrentClassifier, SketchANet
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.training.recognizers.atlas import make_atlas


@pytest.fixture(scope="module")
def recognizer(drawings):
    torch.manual_seed(0)
    return sw.Recognizer(
        SketchANet(6), RecurrentClassifier(512, 4, 6), drawings.classes, Preprocessing(), device="cpu"
    )


def test_the_command_writes_an_atlas_with_its_licence(recognizer, drawings, drawings_file, tmp_path):
    recognizer.save(tmp_path / "weights.safetensors", dtype="float32")
    arguments = [str(drawings_file), "--out", str(tmp_path / "atlas"), "--top", "3"]
    arguments += ["--layer", "relu2", "--layer", "relu7"]
    result = CliRunner().invoke(
        app, ["atlas", *arguments, "--weights", str(tmp_path / "weights.safetensors")]
    )
    assert result.exit_code == 0, result.output
    folder = tmp_path / "atlas"
    assert {path.name for path in folder.iterdir()} == {"atlas.json", "atlas.safetensors", "README.md"}
    assert "CC BY 4.0" in (folder / "README.md").read_text()
    found = sw.FeatureAtlas.open(folder)
    _, held_out = drawings.split()
    assert found.facts["images"] == len(held_out) == 10
    assert list(found) == ["relu2", "relu7"]
    assert found["relu7"].images.shape == (512, 3)
    image = int(found["relu2"].images[0, 0])
    assert found.names[image] == str(drawings.key_id[held_out[image]])
    assert found.class_of(image) == drawings.classes[drawings.label[held_out[image]]]
    want = [stroke.astype("uint8").tolist() for stroke in drawings.strokes(held_out[image])]
    assert [stroke.tolist() for stroke in found.drawing(image)] == want
    assert found.is_of(recognizer)


def test_the_layers_are_the_activations(recognizer, drawings_file, tmp_path):
    made = make_atlas(drawings_file, tmp_path, recognizer, limit=2, top=1, progress=False)
    assert list(made) == [f"relu{k}" for k in range(1, 6)]


def test_bad_arguments_are_named(recognizer, drawings_file, tmp_path):
    with pytest.raises(ValueError, match="part must be"):
        make_atlas(drawings_file, tmp_path, recognizer, part="some", progress=False)
    with pytest.raises(ValueError, match="6 classes, the recogniser 345"):
        make_atlas(drawings_file, tmp_path, progress=False)
    failed = CliRunner().invoke(app, ["atlas", str(tmp_path / "nothing.npz")])
    assert failed.exit_code == 1
    assert "no file of drawings" in failed.output

"""`sketchwidgets fit` and what it opens by path."""

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from sketchwidgets.cli import app
from sketchwidgets.models import load_weights
from sketchwidgets.training.fitting._by_path import open_pictures


def images_file(path):
    labels = np.arange(18) % 3
    images = np.full((18, 30, 30), 255, np.uint8)
    for i, label in enumerate(labels):
        images[i, 5 * label : 5 * label + 6, i % 5 :] = 0
    np.savez(path, images=images, label=labels, classes=np.array(["a", "b", "c"]))
    return path


@pytest.fixture
def call(tmp_path):
    def call(*arguments):
        return CliRunner().invoke(app, ["fit", *map(str, arguments), "--accelerator", "cpu"])

    return call


def test_a_network_is_trained_and_resumed(call, tmp_path):
    data = images_file(tmp_path / "images.npz")
    options = ["lenet", data, "--out", tmp_path / "run", "--epochs", 2, "--batch-size", 4, "--every", 1]
    done = call(*options, "--learning-rate", "1e-5")
    assert done.exit_code == 0, done.output
    assert "step 6 of 6, accuracy" in done.output
    weights, facts = load_weights(tmp_path / "run" / "network.safetensors")
    assert facts["recipe"]["batch_size"] == 4
    assert facts["classes"] == ["a", "b", "c"]
    assert weights["conv1.weight"].shape == (6, 1, 5, 5)
    again = call(*options)
    assert again.exit_code == 1
    assert "another recipe: learning_rate 1e-05, now 0.001" in again.output
    assert again.output.endswith("or --no-resume to start again\n")
    kept = tmp_path / "run" / "network.safetensors"
    tuned = call(
        "lenet", data, "--out", tmp_path / "b", "--recipe", "fine-tuning", "--epochs", 1, "--weights", kept
    )
    assert tuned.exit_code == 0, tuned.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lenett", "images.npz"], "did you mean 'lenet'"),
        (["lenet", "none.npz"], "there is no file or folder none.npz"),
        (["lenet", "notes.txt"], "data must be an .npz"),
        (["lenet", "images.npz", "--recipe", "fast"], "--recipe must be one of sketch-a-net, zeiler"),
        (["lenet", "images.npz", "--precision", "16-mixed"], "needs CUDA"),
        (["lenet", "images.npz", "--learning-rate", "-1"], "learning_rate must be"),
        (
            ["lenet", "images.npz", "--learning-rate", "1e30"],
            "the loss of step 2 is nan, at a learning rate of 1e+30",
        ),
        (["lenet", "images.npz", "--devices", "foo"], "devices must be"),
        (["lenet", "images.npz", "--strategy", "magic"], "strategy 'magic': "),
    ],
)
def test_errors_are_sentences(call, tmp_path, monkeypatch, arguments, message):
    monkeypatch.chdir(tmp_path)
    images_file("images.npz")
    (tmp_path / "notes.txt").write_text("?")
    done = call(*arguments)
    assert done.exit_code == 1
    lines = done.output.replace("\r", "\n").splitlines()  # a bar may stand before it
    assert any(line.startswith("Error: ") and message in line for line in lines)


def test_an_accelerator_that_is_not_there_is_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    images_file("images.npz")
    done = CliRunner().invoke(app, ["fit", "lenet", "images.npz", "--accelerator", "abacus"])
    assert done.exit_code == 1
    assert done.output.splitlines()[-1].startswith("Error: accelerator 'abacus', devices 'auto'")


def test_data_is_found_by_path(drawings_file, drawings, tmp_path):
    train, aside = open_pictures(drawings_file)
    assert (len(train), len(aside)) == tuple(map(len, drawings.split()))
    for label in "ab":
        (tmp_path / "photos" / label).mkdir(parents=True)
        for i in range(6):
            Image.new("RGB", (20, 30), (i, 0, 0)).save(tmp_path / "photos" / label / f"{i}.png")
    train, aside = open_pictures(tmp_path / "photos")
    assert (len(train), len(aside), aside.classes) == (8, 4, ("a", "b"))
    assert train.load(np.array([0, 7]), 16, 3, False).shape == (2, 3, 16, 16)
    (tmp_path / "quick").mkdir()
    lines = [f'{{"word": "ant", "key_id": "{k}", "drawing": [[[0, {k}], [0, 7]]]}}' for k in (1, 2, 25)]
    (tmp_path / "quick" / "ant.ndjson").write_text("\n".join(lines))
    train, aside = open_pictures(tmp_path / "quick")
    assert (len(train), len(aside)) == (2, 1)

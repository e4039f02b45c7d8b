"""What goes wrong in any command is one line on stderr, and the defaults in the help are those of the functions."""

import inspect
import os

import numpy as np
import pytest
import typer
from safetensors import SafetensorError
from typer.testing import CliRunner

from sketchwidgets._command_errors import CommandError, Commands
from sketchwidgets.cli import app

STUDIES = [
    "online-recognition",
    "layer-removal",
    "training-evolution",
    "transfer",
    "sketch-recognizers",
    "sketch-a-net-choices",
    "method-comparison",
    "network-comparison",
]


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """An empty folder, a folder named as a file, a file, and images to learn from."""
    monkeypatch.chdir(tmp_path)
    for name in ("empty", "data.npz", "net.mat", "weights.safetensors"):
        (tmp_path / name).mkdir()
    (tmp_path / "file").write_text("x")
    labels = np.arange(18) % 3
    images = np.full((18, 30, 30), 255, np.uint8)
    np.savez("images.npz", images=images, label=labels, classes=np.array(["a", "b", "c"]))


def call(*arguments):
    return CliRunner().invoke(app, list(arguments))


@pytest.mark.parametrize(
    "arguments",
    [
        *([command, "empty"] for command in ("train", "atlas", "ensemble", "recognize")),
        *([command, "data.npz"] for command in ("train", "atlas", "ensemble", "recognize")),
        *(["study", name, data] for name in STUDIES for data in ("empty", "data.npz", "file")),
        ["train", "images.npz", "--out", "file"],
        ["train", "data.npz", "--timed", "empty"],
        ["fit", "lenet", "empty"],
        ["fit", "lenet", "data.npz"],
        ["fit", "lenet", "images.npz", "--weights", "weights.safetensors"],
        ["fit", "lenet", "images.npz", "--out", "file"],
        ["fit", "recurrent_classifier", "images.npz"],
        ["atlas", "images.npz", "--weights", "weights.safetensors"],
        ["atlas", "images.npz", "--out", "file"],
        ["ensemble", "images.npz", "--out", "file"],
        ["convert", "net.mat", "a.prototxt"],
        ["convert", "empty", "a.prototxt"],
        ["convert", "file"],
        ["download", "quickdraw", "file", "--classes", "cat"],
        ["lab", "--dir", "file"],
        ["recognize", "file", "--recognizer", "weights.safetensors"],
        ["study", "sketch-recognizers", "images.npz", "--out", "file"],
        ["study", "page", "file"],
    ],
    ids=" ".join,
)
def test_a_folder_for_a_file_or_a_file_for_a_folder_is_a_line(arguments):
    done = call(*arguments)
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code in (1, 2)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("Error: ")
    assert len(last) > len("Error: ") + 8


@pytest.fixture
def failing():
    """Runs a command that raises an error, in the group of the commands."""

    def run(error):
        made = typer.Typer(cls=Commands)

        @made.callback()
        def main():
            pass

        @made.command()
        def fail():
            raise error

        return CliRunner().invoke(made, ["fail"])

    return run


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (IsADirectoryError(21, os.strerror(21), "cats"), "cats: is a directory"),
        (PermissionError(13, os.strerror(13), "runs/cats"), "runs/cats: permission denied"),
        (OSError(28, os.strerror(28)), "[Errno 28] No space left on device"),
        (ValueError("two\n  lines"), "two lines"),
        (ImportError("install cats with: pip install cats"), "install cats with: pip install cats"),
        (
            ModuleNotFoundError("No module named 'cats'", name="cats"),
            "No module named 'cats'; `pip install --upgrade sketchwidgets` brings what it needs",
        ),
        (CommandError("so not"), "so not"),
        (FileNotFoundError(), "FileNotFoundError"),
        (
            SafetensorError("Error while serializing:\n no space left"),
            "Error while serializing: no space left",
        ),
        (FloatingPointError("the loss is nan"), "the loss is nan"),
    ],
)
def test_errors_are_lines(failing, error, line):
    done = failing(error)
    assert done.exit_code == 1
    assert done.stderr == f"Error: {line}\n"
    assert done.stdout == ""


@pytest.mark.parametrize(
    "error", [TypeError("a bug"), KeyError("a bug"), ModuleNotFoundError("a bug", name="sketchwidgets.cats")]
)
def test_mistakes_of_the_program_keep_their_traceback(failing, error):
    assert failing(error).exception is error


def test_a_status_of_its_own(failing):
    assert failing(CommandError("so not", status=3)).exit_code == 3


def test_the_defaults_that_the_help_names_are_those_of_the_functions():
    from sketchwidgets.recognition._recognizer import DEFAULT
    from sketchwidgets.training.ensemble import FineTuning, train_ensemble

    group = typer.main.get_command(app)
    said = {
        (name, option.name): option.show_default
        for name, command in group.commands.items()
        for option in command.params
    }
    defaults = inspect.signature(train_ensemble).parameters
    assert said["ensemble", "epochs"] == str(FineTuning().epochs)
    assert said["ensemble", "training_views"] == str(defaults["training_views"].default)
    assert said["ensemble", "neighbours"] == str(defaults["neighbours"].default)
    assert said["recognize", "recognizer"] == said["atlas", "weights"] == DEFAULT

"""An interrupt ends the training of a recogniser as it ends `fit`: quietly, and the same call goes on."""

import signal

import pytest
import torch
from lightning.pytorch.callbacks import Callback
from typer.testing import CliRunner

from sketchwidgets import training
from sketchwidgets.cli import app
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.training.checkpoints import STATE, read_checkpoint
from sketchwidgets.training.inputs.stroke_set import StrokeSet
from sketchwidgets.training.recognizers import recurrent
from sketchwidgets.training.recognizers.cnn import CNNRecipe, train_cnn
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe, train_recurrent

SMALL = CNNRecipe(
    steps=6,
    batch_size=4,
    warmup=2,
    network="sketch_resnet",
    arguments={"widths": [4, 8], "blocks": [1, 1]},
    preprocessing=Preprocessing(size=32, extent=29.0, stroke_width=1.0),
)


class Interrupt(Callback):
    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == 3:
            signal.raise_signal(signal.SIGINT)


def test_the_cnn_stops_between_two_steps_and_goes_on(drawings_file, tmp_path, capfd):
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt, match="the same call goes on with it"):
        train_cnn(drawings_file, tmp_path / "cut", SMALL, every=100, callbacks=[Interrupt()])
    assert signal.getsignal(signal.SIGINT) is before
    shown = "".join(capfd.readouterr())
    assert "training:" in shown
    for noise in ("/-2", "Warning", "IterableDataset", "GPU available", "deprecat"):
        assert noise not in shown
    assert read_checkpoint(tmp_path / "cut" / STATE)["global_step"] == 3
    again = train_cnn(drawings_file, tmp_path / "cut", SMALL, progress=False)
    whole = train_cnn(drawings_file, tmp_path / "whole", SMALL, progress=False)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


def test_the_strokes_go_on_from_their_last_epoch(drawings, tmp_path, monkeypatch):
    train, held_out = drawings.split()
    sets = StrokeSet(drawings, train, 4), StrokeSet(drawings, held_out, 4)
    recipe = RecurrentRecipe(hidden_size=8, epochs=3, batch_size=16, feature_dropout=0.0)
    step = recurrent.RecurrentTraining.training_step

    def interrupted(self, batch, number):
        if self.trainer.current_epoch == 1 and number == 2:
            signal.raise_signal(signal.SIGINT)
        return step(self, batch, number)

    with monkeypatch.context() as patch:
        patch.setattr(recurrent.RecurrentTraining, "training_step", interrupted)
        with pytest.raises(KeyboardInterrupt, match="the same call goes on with it"):
            train_recurrent(*sets, 6, tmp_path / "cut", recipe, progress=False)
    again = train_recurrent(*sets, 6, tmp_path / "cut", recipe, progress=False)
    whole = train_recurrent(*sets, 6, tmp_path / "whole", recipe, progress=False)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(again.state_dict()[name], tensor), name


@pytest.mark.parametrize("said", ["", "the training was interrupted; the same call goes on with it"])
def test_the_command_ends_as_fit_does(tmp_path, monkeypatch, said):
    def interrupted(*_):
        raise KeyboardInterrupt(*[said] * bool(said))

    monkeypatch.setattr(training, "train_two_streams", interrupted)
    done = CliRunner().invoke(app, ["train", "drawings.npz", "--out", str(tmp_path)])
    assert done.exit_code == 130
    assert done.stderr == "the training was interrupted; the same call goes on with it\n"

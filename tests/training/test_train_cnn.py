"""The CNN of the recogniser: a run that breaks off goes on at the very batch, with the same random numbers."""

import pytest
import torch
from lightning.pytorch.callbacks import Callback

from sketchwidgets.training.cnn import CNNRecipe, train_cnn
from sketchwidgets.training.fitting import read_checkpoint

pytestmark = pytest.mark.filterwarnings("ignore:::lightning", "ignore:::torch", "ignore:.*LeafSpec")


class Break(Callback):
    """Fails at a step."""

    def __init__(self, step):
        self.step = step

    def on_train_batch_start(self, trainer, pl_module, batch, batch_idx):
        if trainer.global_step == self.step:
            raise RuntimeError("the power went out")


@pytest.mark.slow
def test_a_run_that_breaks_off_ends_with_the_same_weights(drawings_file, tmp_path):
    recipe = CNNRecipe(steps=7, batch_size=2, warmup=2, dropout=0.3)
    whole = train_cnn(drawings_file, tmp_path / "whole", recipe, every=2)
    with pytest.raises(RuntimeError, match="power"):
        train_cnn(drawings_file, tmp_path / "broken", recipe, every=2, callbacks=[Break(5)])
    assert read_checkpoint(tmp_path / "broken" / "state.safetensors")["global_step"] == 4
    resumed = train_cnn(drawings_file, tmp_path / "broken", recipe, every=2)
    for name, tensor in whole.state_dict().items():
        assert torch.equal(resumed.state_dict()[name], tensor), name

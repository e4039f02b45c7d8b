"""A LightningModule whose state is written between two steps, and read back as the next step would have found it."""

from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor

STATE = "state.safetensors"


class Resumable(L.LightningModule):
    """Writes `folder`/state.safetensors after every `every` steps and at the end; `stop` ends the training early.

    For a trainer with one long epoch of `steps` steps, as many validations in it as are wanted, and `TensorFiles`. Written
    at the start of a step and not at the end of the one before, the state has what a validation in between has changed.
    """

    def __init__(self, folder: Path, every: int, steps: int) -> None:
        super().__init__()
        self.folder, self.every, self.steps = folder, every, steps
        self.first_step = 0  # of this run; others were made by the runs before
        self.stop_asked = False
        self._between_steps = False
        self._random: Tensor | None = None

    def stop(self) -> None:
        """End the training after the step under way. Any thread."""
        self.stop_asked = True

    def save(self, name: str = STATE) -> None:
        """Write the state, whole or not at all, and what was logged until now."""
        for logger in self.trainer.loggers:
            logger.save()
        self.trainer.save_checkpoint(self.folder / name)

    def save_between_steps(self, name: str = STATE) -> None:
        """`save` at the start of a step, before anything of it is done."""
        self._between_steps = True
        try:
            self.save(name)
        finally:
            self._between_steps = False

    def on_train_start(self) -> None:
        # Here and not earlier, because the loaders that were made meanwhile have drawn random numbers of their own.
        if self._random is not None:
            torch.set_rng_state(self._random)
            self._random = None

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        step = self.trainer.global_step
        if step > self.first_step and (self.stop_asked or step % self.every == 0):
            self.save_between_steps()
        if self.stop_asked:
            self.trainer.should_stop = True
            return -1  # Lightning's word for: leave out the rest of the epoch
        return None

    def on_train_end(self) -> None:
        if self.trainer.global_step >= self.steps:
            self.save()

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        step = self.trainer.global_step
        checkpoint["resumable"] = {"step": step, "random": torch.get_rng_state()}
        if self._between_steps:
            # Lightning has counted the step that is about to be made, and is not to believe that it was.
            loop = checkpoint["loops"]["fit_loop"]
            for count in ("current", "total"):
                loop["epoch_loop.batch_progress"][count]["ready"] -= 1
            if self.trainer.enable_validation and step % self.trainer.val_check_batch == 0:
                # The validation after this step is made. Lightning leaves it out, but counts that as a step of its logs.
                loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.first_step = int(checkpoint["resumable"]["step"])
        self._random = checkpoint["resumable"]["random"]
        loop = checkpoint["loops"]["fit_loop"]
        if self.first_step < self.steps and loop["epoch_progress"]["current"]["completed"]:
            _reopen(checkpoint, loop)


def seed_step(*words: int) -> None:
    """Make what PyTorch draws from here on, on any device, follow from a seed, a step and whatever else is given.

    A state has the generator of the CPU alone; a training that does this before each step ends on a GPU as it would have
    ended without the cut.
    """
    made = np.random.SeedSequence(words).generate_state(2)
    torch.manual_seed(int(made[0]) << 31 | int(made[1]) >> 1)


def _reopen(checkpoint: dict[str, Any], loop: dict[str, Any]) -> None:
    """Make of the state of a training that has ended, with a validation if it had any, one between two steps.

    Lightning takes its one epoch for done, and would begin another one at step 0.
    """
    checkpoint["epoch"] = 0
    for count in ("current", "total"):
        for what in ("processed", "completed"):
            loop["epoch_progress"][count][what] = 0
    loop["epoch_loop.batch_progress"]["is_last_batch"] = False
    if loop["epoch_loop.val_loop.batch_progress"]["total"]["ready"]:
        loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1  # as in on_save_checkpoint

"""Keep the network of chosen epochs while it is trained, for `sw.evolution`."""

import warnings
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from torch import nn

from sketchwidgets.models import save_weights

PAPER_EPOCHS = (1, 2, 5, 10, 20, 30, 40, 64)  # Zeiler & Fergus 2014, figure 4


class RecordEvolution(Callback):
    """A Lightning callback that writes the state dict of a network at the end of some epochs.

    Parameters
    ----------
    folder : where `epoch-00001.safetensors` and so on go; made if absent. A file is written whole or not at all. Give
        the folder to `sw.evolution` afterwards.
    epochs : the epochs, counted from 1; 0 is the network before training.
    network : which network: a name of the LightningModule's `named_modules()`, or a function of the LightningModule
        that returns a module, `lambda training: training.network.fold()`, say. None: the LightningModule itself.
    epoch_steps : optimiser steps that count as one epoch, for data that has no epochs of its own.

    A run that is cut off and resumed goes on recording; what is there of an epoch that runs again is replaced.

    Raises ValueError for an epoch that is not a whole number from 0 on, or an unknown network when training starts.

    >>> from sketchwidgets.training import RecordEvolution
    >>> RecordEvolution("epochs", epochs=(1, 2, 5))
    RecordEvolution('epochs', epochs=(1, 2, 5))
    """

    def __init__(
        self,
        folder: str | Path,
        epochs: Iterable[int] = PAPER_EPOCHS,
        network: str | Callable[[L.LightningModule], nn.Module] | None = None,
        epoch_steps: int | None = None,
    ) -> None:
        self.folder = Path(folder)
        self.epochs = tuple(sorted(set(epochs)))
        for epoch in self.epochs:
            if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
                raise ValueError(f"epochs must be whole numbers from 0 on, not {epoch!r}")
        if not self.epochs:
            raise ValueError("epochs is empty")
        if epoch_steps is not None and epoch_steps < 1:
            raise ValueError(f"epoch_steps must be at least 1, not {epoch_steps}")
        self.network, self.epoch_steps = network, epoch_steps
        self._recorded = -1

    def path(self, epoch: int) -> Path:
        """The file of an epoch."""
        return self.folder / f"epoch-{epoch:05d}.safetensors"

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._find(pl_module)  # an unknown name should fail now and not after the first epoch
        self._recorded = -1
        if trainer.is_global_zero:
            self.folder.mkdir(parents=True, exist_ok=True)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.global_step == 0:
            self._record(trainer, pl_module, 0)

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if self.epoch_steps is not None and trainer.global_step % self.epoch_steps == 0:
            self._record(trainer, pl_module, trainer.global_step // self.epoch_steps)

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if self.epoch_steps is None:
            self._record(trainer, pl_module, trainer.current_epoch + 1)

    def _record(self, trainer: L.Trainer, pl_module: L.LightningModule, epoch: int) -> None:
        # Accumulated gradients: the step number stays the same for several batches.
        if epoch not in self.epochs or epoch == self._recorded or not trainer.is_global_zero:
            return
        self._recorded = epoch
        facts = {"kind": "epoch", "epoch": epoch, "step": trainer.global_step}
        try:
            save_weights(self.path(epoch), self._find(pl_module).state_dict(), facts, dtype="float32")
        except ValueError as error:  # weights that are not finite: the training is lost, but not by us
            warnings.warn(f"epoch {epoch} is not recorded: {error}", RuntimeWarning, stacklevel=2)

    def _find(self, pl_module: L.LightningModule) -> nn.Module:
        if self.network is None:
            return pl_module
        if not isinstance(self.network, str):
            found = self.network(pl_module)
            if not isinstance(found, nn.Module):
                raise ValueError(f"network must return a module, and gave a {type(found).__name__}")
            return found
        try:
            return pl_module.get_submodule(self.network)
        except AttributeError:
            raise ValueError(f"{type(pl_module).__name__} has no module {self.network!r}") from None

    def __repr__(self) -> str:
        return f"RecordEvolution({str(self.folder)!r}, epochs={self.epochs})"

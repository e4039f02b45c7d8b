"""The progress bar of a training: a widget in a notebook, a line in a terminal."""

import sys
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar


class TrainingBar(TQDMProgressBar):
    """Lightning's bar for a training that is one long epoch of Lightning's: it says which pass over the data it is."""

    def on_train_epoch_start(self, trainer: L.Trainer, *_: Any) -> None:
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.set_description("training")

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        """End the line, so that what is said of the error has one of its own."""
        self.disable()
        for bar in (self._val_progress_bar, self._train_progress_bar):
            if bar is not None:
                bar.close()
        sys.stdout.flush()

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        found = super().get_metrics(trainer, pl_module)
        found.pop("v_num", None)
        per_epoch = getattr(pl_module, "steps_per_epoch", None)
        return found if per_epoch is None else {"epoch": f"{trainer.global_step / per_epoch:.1f}", **found}

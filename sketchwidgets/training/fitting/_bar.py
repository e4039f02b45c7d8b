"""The progress bar of a training: a widget in a notebook, a line in a terminal."""

from typing import Any

import lightning as L
from lightning.pytorch.callbacks import TQDMProgressBar


class TrainingBar(TQDMProgressBar):
    """Lightning's bar for a training that is one long epoch of Lightning's: it says which pass over the data it is."""

    def on_train_epoch_start(self, trainer: L.Trainer, *_: Any) -> None:
        super().on_train_epoch_start(trainer)
        self.train_progress_bar.set_description("training")

    def get_metrics(self, trainer: L.Trainer, pl_module: L.LightningModule) -> dict[str, Any]:
        found = super().get_metrics(trainer, pl_module)
        found.pop("v_num", None)
        return {"epoch": f"{trainer.global_step / pl_module.steps_per_epoch:.1f}", **found}

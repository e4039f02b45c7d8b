"""How far a training is, told while it runs."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import lightning as L
from lightning.pytorch.callbacks import Callback
from torch import Tensor

_RECENT = 20  # steps whose time the rate is taken from


@dataclass(frozen=True)
class TrainingProgress:
    """What a training tells after a step.

    step, steps : done, and of how many. epoch : passes over the data done, a fraction within one; None if not known.
    values : name -> number, of this step: "loss", "accuracy" (in [0, 1]), "rate" (the learning rate), ...
    validation : the same of the last validation, empty before the first; `validated` is the step it was made at.
    pictures_per_second : of the last steps, 0 before there are two. seconds_left : as it looks, None if not known.
    finished : whether all steps are done. ended : whether no other will be told, finished or not.
    """

    step: int
    steps: int
    epoch: float | None
    values: dict[str, float]
    validation: dict[str, float]
    validated: int
    pictures_per_second: float
    seconds_left: float | None
    finished: bool = False
    ended: bool = False


class ReportProgress(Callback):
    """A Lightning callback that tells a function how far the training is, after every step.

    tell : called with a TrainingProgress, without `values` after a validation and at the end; if it returns False, the
        training ends early. With several processes it is called in the first one only, and all of them end.

    >>> from sketchwidgets.training import ReportProgress
    >>> callback = ReportProgress(lambda progress: progress.step < 100)
    """

    def __init__(self, tell: Callable[[TrainingProgress], bool | None]) -> None:
        self.tell = tell
        self._times: deque[tuple[float, int]] = deque(maxlen=_RECENT)
        self._validation: dict[str, float] = {}
        self._validated = 0

    def state_dict(self) -> dict[str, Any]:
        return {"validation": self._validation, "validated": self._validated}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        self._validation, self._validated = dict(state["validation"]), int(state["validated"])

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._times.clear()

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._times.clear()  # so that the validation does not count as a slow step
        found = trainer.callback_metrics
        names = getattr(pl_module, "validation_names", None)
        self._validation = {
            name.removeprefix("validation_"): float(value)
            for name, value in found.items()
            if (name in names if names else name.startswith("validation_"))
        }
        self._validated = trainer.global_step
        if not trainer.sanity_checking and trainer.global_step:
            self._report(trainer, pl_module, {})

    def on_train_batch_end(
        self, trainer: L.Trainer, pl_module: L.LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        pictures = len(batch[0]) * trainer.world_size if isinstance(batch, tuple | list) else 0
        self._times.append((time.monotonic(), pictures))
        values = {"rate": float(trainer.optimizers[0].param_groups[0]["lr"])}
        if isinstance(outputs, dict) and isinstance(outputs.get("loss"), Tensor):
            values["loss"] = float(outputs["loss"].detach())
        told = getattr(pl_module, "step_values", None)
        if told is not None:
            values.update({name: float(value) for name, value in told.items()})
        self._report(trainer, pl_module, values)

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        if trainer.is_global_zero:
            self._tell(trainer, pl_module, {}, ended=True)

    def on_exception(
        self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException
    ) -> None:
        if trainer.is_global_zero and trainer.optimizers:
            self._tell(trainer, pl_module, {}, ended=True)

    def _report(self, trainer: L.Trainer, pl_module: L.LightningModule, values: dict[str, float]) -> None:
        going = True
        if trainer.is_global_zero:
            going = self._tell(trainer, pl_module, values)
        if trainer.world_size > 1:
            going = trainer.strategy.reduce_boolean_decision(going, all=True)
        if not going:
            # A training of `fit` stops between two steps, without the validation that Lightning makes at the end.
            if hasattr(pl_module, "stop_asked"):
                pl_module.stop_asked = True
            else:
                trainer.should_stop = True

    def _tell(
        self, trainer: L.Trainer, pl_module: L.LightningModule, values: dict[str, float], ended: bool = False
    ) -> bool:
        step, steps = trainer.global_step, int(trainer.estimated_stepping_batches)
        rate, left = 0.0, None
        if len(self._times) > 1:
            taken = max(self._times[-1][0] - self._times[0][0], 1e-9)
            rate = sum(count for _, count in list(self._times)[1:]) / taken
            left = max(0, steps - step) * taken / (len(self._times) - 1)
        per_epoch = getattr(pl_module, "steps_per_epoch", None)
        progress = TrainingProgress(
            step,
            steps,
            step / per_epoch if per_epoch else None,
            values,
            dict(self._validation),
            self._validated,
            rate,
            left,
            step >= steps,
            ended,
        )
        return self.tell(progress) is not False

"""The LightningModule of every recipe that names pictures."""

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchmetrics import MeanMetric

from sketchwidgets.training.checkpoints.resumable import Resumable, seed_step
from sketchwidgets.training.fitting._batches import Batches, TestBatches, loader
from sketchwidgets.training.fitting._groups import parameter_groups
from sketchwidgets.training.fitting._pictures import Pictures
from sketchwidgets.training.fitting._recipe import Recipe


class Classification(Resumable):
    """Cross-entropy of a network's scores; everything random in a step follows from the seed and its number."""

    validation_names = ("validation_loss", "validation_accuracy", "validation_top5")

    def __init__(
        self,
        network: nn.Module,
        recipe: Recipe,
        pictures: Pictures,
        validation: Pictures | None,
        *,
        side: int,
        channels: int,
        mean: Tensor | None,
        folder: Path,
        every: int,
        workers: int = 0,
        facts: dict[str, Any] | None = None,
    ) -> None:
        per_epoch = Batches(pictures, recipe, side, channels).per_epoch
        super().__init__(folder, every, per_epoch * recipe.epochs)
        self.steps_per_epoch = per_epoch
        self.network, self.recipe, self.pictures, self.validation = network, recipe, pictures, validation
        self.side, self.channels, self.mean = side, channels, mean
        self.workers, self.facts = workers, facts or {}
        self.step_values: dict[str, Tensor] = {}
        # What a plateau has done to the learning rate, and how long the error has not become smaller.
        self.annealed, self.best_error, self.bad_epochs = 1.0, float("inf"), 0
        self._loss, self._right, self._top5 = MeanMetric(), MeanMetric(), MeanMetric()

    # Data

    def train_dataloader(self) -> DataLoader:
        batches = Batches(
            self.pictures,
            self.recipe,
            self.side,
            self.channels,
            self.mean,
            self.trainer.global_rank,
            self.trainer.world_size,
        )
        return loader(batches, self.first_step, self.workers)

    def val_dataloader(self) -> DataLoader | list:
        if self.validation is None:
            return []
        batches = TestBatches(
            self.validation,
            self.recipe,
            self.side,
            self.channels,
            self.mean,
            self.trainer.global_rank,
            self.trainer.world_size,
        )
        return loader(batches, workers=self.workers)

    # Steps

    def on_train_batch_start(self, batch: Any, batch_idx: int) -> int | None:
        if super().on_train_batch_start(batch, batch_idx) == -1:
            return -1
        step = self.trainer.global_step
        factor = self.recipe.rate(step, self.steps) * self.annealed
        for group in self.optimizers(use_pl_optimizer=False).param_groups:
            group["lr"] = group["highest"] * factor
        seed_step(self.recipe.seed, 2, step, self.global_rank)
        return None

    def training_step(self, batch: tuple[Tensor, Tensor, Any], _: int) -> Tensor:
        images, labels, weight = batch
        scores = self.network(images).float()
        loss = F.cross_entropy(scores, labels, label_smoothing=self.recipe.label_smoothing)
        rate = self.optimizers(use_pl_optimizer=False).param_groups[0]["lr"]
        if not loss.isfinite():
            raise FloatingPointError(
                f"the loss of step {self.trainer.global_step + 1} is {float(loss.detach())}, at a learning rate of "
                f"{rate:g}: give the recipe a smaller learning_rate, a gradient_clip or a warmup"
            )
        right = (scores.argmax(1) == labels).float().mean()
        self.step_values = {"loss": loss.detach(), "accuracy": right}
        self.log("loss", loss.detach(), prog_bar=True)
        self.log("accuracy", right, prog_bar=True)
        self.log("rate", rate)
        return loss * float(weight)

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int) -> None:
        views, labels = batch
        scores = view_scores(self.network, views)
        self._loss.update(F.cross_entropy(scores, labels, reduction="none"))
        self._right.update((scores.argmax(1) == labels).float())
        best = scores.topk(min(5, scores.shape[1])).indices
        self._top5.update((best == labels[:, None]).any(1).float())

    def on_validation_epoch_end(self) -> None:
        found = {"loss": self._loss, "accuracy": self._right, "top5": self._top5}
        values = {name: metric.compute() for name, metric in found.items()}
        for metric in found.values():
            metric.reset()
        for name, value in values.items():
            self.log(f"validation_{name}", value, prog_bar=name == "accuracy", rank_zero_only=False)
        if self.recipe.schedule == "plateau":
            self._anneal(1 - float(values["accuracy"]))

    def _anneal(self, error: float) -> None:
        """A smaller learning rate once the validation error has stopped to fall."""
        if error < self.best_error:
            self.best_error, self.bad_epochs = error, 0
            return
        self.bad_epochs += 1
        if self.bad_epochs >= self.recipe.patience:
            self.annealed, self.bad_epochs = self.annealed * self.recipe.annealing, 0

    def configure_optimizers(self) -> torch.optim.Optimizer:
        recipe = self.recipe
        groups = parameter_groups(self.network, recipe)
        if recipe.optimizer == "adamw":
            return torch.optim.AdamW(groups, recipe.learning_rate)
        return torch.optim.SGD(groups, recipe.learning_rate, momentum=recipe.momentum)

    # State

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_save_checkpoint(checkpoint)
        checkpoint["sketchwidgets"] = {
            **self.facts,
            "step": self.trainer.global_step,
            "steps": self.steps,
            "annealed": self.annealed,
            "best_error": self.best_error,
            "bad_epochs": self.bad_epochs,
        }

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        super().on_load_checkpoint(checkpoint)
        state = checkpoint["sketchwidgets"]
        self.annealed, self.best_error = float(state["annealed"]), float(state["best_error"])
        self.bad_epochs = int(state["bad_epochs"])


def view_scores(network: nn.Module, views: Tensor) -> Tensor:
    """Scores before the softmax, summed over the views: (n, classes) of (n, v, C, side, side)."""
    n, v = views.shape[:2]
    return network(views.flatten(0, 1)).float().view(n, v, -1).sum(1)

"""The convolutional part of the recogniser: Sketch-a-Net on random prefixes of QuickDraw drawings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import lightning as L
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback, LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader

from sketchwidgets.models import SketchANet
from sketchwidgets.recognition import Preprocessing
from sketchwidgets.sketch.augmentation.stroke_order import CHANNELS as STROKE_ORDER_CHANNELS
from sketchwidgets.training.batch_norm import BatchNormSketchANet
from sketchwidgets.training.drawing_set import DrawingSet
from sketchwidgets.training.fitting import STATE, Resumable, TensorFiles
from sketchwidgets.training.images import Augmentation, Channels, PrefixBatches, render


@dataclass(frozen=True)
class CNNRecipe:
    """Everything that decides how the CNN is trained.

    steps : optimiser steps; the learning rate rises for `warmup` of them and then falls as a cosine to 0.
    learning_rate : its peak. weight_decay : AdamW's. label_smoothing : share of the target spread over all classes.
    dropout : after fc6 and fc7.
    channels : "ink", or "order" for a network of the six stroke-order channels.
    """

    steps: int = 1700
    batch_size: int = 128
    learning_rate: float = 2e-3
    weight_decay: float = 0.02
    warmup: int = 100
    label_smoothing: float = 0.05
    dropout: float = 0.1
    seed: int = 0
    augmentation: Augmentation = field(default_factory=Augmentation)
    preprocessing: Preprocessing = field(default_factory=Preprocessing)
    channels: Channels = "ink"


class CNNTraining(Resumable):
    """Cross-entropy of whole drawings and prefixes; validation on both."""

    def __init__(self, classes: int, recipe: CNNRecipe, folder: Path, every: int) -> None:
        super().__init__(folder, every, recipe.steps)
        self.recipe = recipe
        channels = 1 if recipe.channels == "ink" else STROKE_ORDER_CHANNELS
        network = SketchANet(classes, channels=channels, dropout=recipe.dropout)
        self.network = BatchNormSketchANet(network).to(memory_format=torch.channels_last)

    def training_step(self, batch: tuple[Tensor, Tensor], _: int) -> Tensor:
        images, labels = batch
        scores = self.network(images).float()
        loss = F.cross_entropy(scores, labels, label_smoothing=self.recipe.label_smoothing)
        self.log("loss", loss, prog_bar=True)
        self.log("accuracy", (scores.argmax(1) == labels).float().mean(), prog_bar=True)
        return loss

    def on_train_batch_end(self, *_: object) -> None:
        self.network.keep_scales_positive()

    def validation_step(self, batch: tuple[Tensor, Tensor], _: int, dataloader_idx: int = 0) -> None:
        images, labels = batch
        scores = self.network(images).float()
        name = ("whole", "half")[dataloader_idx]
        top5 = (scores.topk(5).indices == labels[:, None]).any(1).float().mean()
        self.log(f"{name}_top1", (scores.argmax(1) == labels).float().mean(), add_dataloader_idx=False)
        self.log(f"{name}_top5", top5, add_dataloader_idx=False)

    def configure_optimizers(self) -> dict:
        recipe = self.recipe
        optimizer = torch.optim.AdamW(
            self.parameters(),
            recipe.learning_rate,
            weight_decay=recipe.weight_decay,
            betas=(0.9, 0.99),
            fused=True,
        )

        def rate(step: int) -> float:
            if step < recipe.warmup:
                return (step + 1) / recipe.warmup
            done = (step - recipe.warmup) / max(recipe.steps - recipe.warmup, 1)
            return 0.5 * (1 + math.cos(math.pi * min(done, 1)))

        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}


class DrawingData(L.LightningDataModule):
    """Training batches that resume at the step where a run was cut off, and fixed validation images."""

    def __init__(self, drawings: DrawingSet, recipe: CNNRecipe, validate_on: int = 2048) -> None:
        super().__init__()
        self.drawings, self.recipe, self.validate_on = drawings, recipe, validate_on
        train, self.held_out = drawings.split()
        self.batches = PrefixBatches(
            drawings,
            train,
            recipe.preprocessing,
            recipe.augmentation,
            recipe.batch_size,
            recipe.steps,
            recipe.seed,
            recipe.channels,
        )

    def train_dataloader(self) -> DataLoader:
        return DataLoader(self.batches, batch_size=None)

    def val_dataloader(self) -> list[DataLoader]:
        chosen = self.held_out[: self.validate_on]
        whole = self.drawings.n_strokes[chosen].astype(np.int64)
        return [
            DataLoader(_FixedImages(self.drawings, chosen, keep, self.recipe), batch_size=None)
            for keep in (whole, np.ceil(whole / 2).astype(np.int64))
        ]

    def state_dict(self) -> dict[str, int]:
        return {"step": self.trainer.global_step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.batches.first_step = state["step"]


class _FixedImages(torch.utils.data.IterableDataset):
    def __init__(self, drawings: DrawingSet, chosen: np.ndarray, keep: np.ndarray, recipe: CNNRecipe) -> None:
        super().__init__()
        self.drawings, self.chosen, self.keep, self.recipe = drawings, chosen, keep, recipe

    def __iter__(self):
        for first in range(0, len(self.chosen), 256):
            chosen, keep = self.chosen[first : first + 256], self.keep[first : first + 256]
            images = render(
                self.drawings, chosen, keep, self.recipe.preprocessing, channels=self.recipe.channels
            )
            yield images, torch.from_numpy(self.drawings.label[chosen].astype(np.int64))


def train_cnn(
    data: str | Path,
    folder: str | Path,
    recipe: CNNRecipe | None = None,
    *,
    resume: bool = True,
    every: int = 250,
    callbacks: Sequence[Callback] = (),
) -> SketchANet:
    """Train, leaving the state and a CSV log in `folder`, and return the folded network.

    A run that was cut off goes on from its last state, `every` steps apart, and ends with the same weights. Further
    `callbacks` may look at the `CNNTraining`: `RecordEvolution(folder, network=lambda training:
    training.network.fold(), epoch_steps=...)` keeps Sketch-a-Net of several moments, for `sw.evolution`.
    """
    recipe = recipe or CNNRecipe()
    folder = Path(folder)
    drawings = DrawingSet.load(data)
    torch.manual_seed(recipe.seed)
    module = CNNTraining(len(drawings.classes), recipe, folder, every)
    state = folder / STATE
    trainer = L.Trainer(
        accelerator="auto",
        devices="auto",
        precision="bf16-mixed",
        max_steps=recipe.steps,
        callbacks=[LearningRateMonitor("step"), *callbacks],
        logger=CSVLogger(folder, name="log", flush_logs_every_n_steps=50),
        plugins=[TensorFiles()],
        val_check_interval=every * 2,
        check_val_every_n_epoch=None,
        log_every_n_steps=10,
        num_sanity_val_steps=0,
        enable_checkpointing=False,
    )
    trainer.fit(
        module, DrawingData(drawings, recipe), ckpt_path=str(state) if resume and state.exists() else None
    )
    return module.network.fold()

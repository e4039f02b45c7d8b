"""What a reconstruction returns."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from ..figures import Chart, Figure, Section, Tile
from ._settings import InvertSettings, MaximizeSettings
from ._space import InputSpace

_CURVES = 9  # that one chart shows


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Images that `maximize` or `invert` made, and the way there. n images of (C, H, W), T steps.

    kind : "maximize" or "invert". layer : its name; None: the output of the model. network : its name.
    images : (n, C, H, W), as the network takes them, on its device and in its dtype.
    objective : (T + 1, n) float64: activation less penalties (raised), or energy (lowered), of the images before each
        step, as that step saw them, so with its jitter; at the end of the images returned, as they are. Below 0 for a
        unit that is dead behind a rectifier: what comes into the rectifier.
    activation : (n,) float64, maximize: of the unit or channel, of the images returned.
    error : (n,) float64, invert: |features - wanted|^2 / |wanted|^2 of the images returned, of the part of the layer that
        was compared.
    dead : (n,) bool, maximize: nothing was found that excites the unit, and the image shows nothing.
    names : (n) what each image is called. seeds, channels : (n) of each image; channels only of maximize.
    position : (row, column), "all", or None where there is none.
    previews : (k, n, C, H, W) uint8, levels 0..255 after each of `preview_steps`; `preview_pictures(i)` draws them.
    target : (1, C, H, W), invert: the image whose features were wanted, as the network takes it.
    method, settings : the name and the settings that were used. stopped : whether a callback ended it early.

    >>> network = sw.Network.of(sw.models.create("sketch_a_net").eval())
    >>> result = sw.maximize(network, "relu2", [3, 7], steps=2, progress=False)
    >>> result.pictures.shape, result.objective.shape
    ((2, 225, 225), torch.Size([3, 2]))
    """

    kind: str
    layer: str | None
    images: Tensor
    objective: Tensor
    previews: Tensor
    preview_steps: tuple[int, ...]
    names: tuple[str, ...]
    seeds: tuple[int, ...]
    method: str
    settings: MaximizeSettings | InvertSettings
    network: str
    space: InputSpace = field(repr=False)
    channels: tuple[int, ...] = ()
    position: tuple[int, int] | str | None = None
    activation: Tensor | None = None
    error: Tensor | None = None
    dead: Tensor | None = None
    target: Tensor | None = None
    stopped: bool = False

    def __len__(self) -> int:
        return len(self.images)

    def __repr__(self) -> str:
        where = "the output" if self.layer is None else repr(self.layer)
        steps = f"{self.steps} steps{', stopped' if self.stopped else ''}"
        return f"Reconstruction({self.kind} {where}, {self.method!r}, {len(self)} images, {steps})"

    @property
    def steps(self) -> int:
        """Steps that were made."""
        return len(self.objective) - 1

    @property
    def pictures(self) -> np.ndarray:
        """The images as a person sees them, (n, H, W) or (n, H, W, 3) uint8; drawings dark on white."""
        return self._pictures(self.images)

    @property
    def target_picture(self) -> np.ndarray | None:
        """The image that was inverted as a person sees it, (H, W) or (H, W, 3) uint8."""
        return None if self.target is None else self._pictures(self.target)[0]

    def preview_pictures(self, i: int = 0) -> np.ndarray:
        """Image i on its way, (k, H, W) or (k, H, W, 3) uint8, after each of `preview_steps`."""
        return self.space.pictures(self.previews[:, i])

    def _pictures(self, inputs: Tensor) -> np.ndarray:
        return self.space.pictures(self.space.levels(self.space.from_inputs(inputs.detach().float())))

    def caption(self, i: int) -> str:
        """Name and result of image i, as shown below it."""
        parts = [self.names[i]]
        if len(set(self.seeds)) > 1:
            parts.append(f"seed {self.seeds[i]}")
        if self.activation is not None:
            parts.append(
                "dead" if self.dead is not None and self.dead[i] else f"{float(self.activation[i]):.3g}"
            )
        if self.error is not None:
            parts.append(f"error {float(self.error[i]):.2g}")
        return " · ".join(parts)

    def tiles(self) -> list[Tile]:
        """The images with their captions; those of dead units labelled."""
        tiles = []
        for i, pixels in enumerate(self.pictures):
            facts = (("Method", self.method), ("Steps", str(self.steps)), ("Seed", str(self.seeds[i])))
            if self.dead is not None and bool(self.dead[i]):
                tiles.append(Tile(None, self.caption(i), label="dead", facts=facts))
            else:
                tiles.append(Tile(pixels, self.caption(i), smooth=True, facts=facts))
        return tiles

    def chart(self) -> Chart:
        """The objective over the steps."""
        shown = min(len(self), _CURVES)
        steps = np.arange(len(self.objective))
        series = [(self._curve_name(i), steps, self.objective[:, i].numpy()) for i in range(shown)]
        positive = self.kind == "invert" and bool((self.objective > 0).all())
        label = "activation − penalties" if self.kind == "maximize" else "energy"
        return Chart(series, "step", label, log=positive)

    def _curve_name(self, i: int) -> str:
        return f"{self.names[i]}, seed {self.seeds[i]}" if len(set(self.seeds)) > 1 else self.names[i]

    def figure(self, history: bool = True, side: int = 160) -> Figure:
        """The images, with `history` also the way of the first to its end, and the objective.

        `side` is that of a picture in pixels.
        """
        title = f"{self.network}: {self._what()}"
        tiles = self.tiles()
        if self.target is not None:
            tiles.insert(0, Tile(self.target_picture, "what was shown", smooth=True))
        caption = f"method {self.method}, {self.steps} steps" + (", stopped early" if self.stopped else "")
        sections = [Section("", tiles, caption, side=side)]
        if history and len(self.previews):
            way = [
                Tile(pixels, f"step {step}", smooth=True)
                for pixels, step in zip(self.preview_pictures(0), self.preview_steps, strict=True)
            ]
            sections.append(Section(f"{self.names[0]}, step by step", way))
        if history and self.steps:
            sections.append(Section("Objective", [self.chart()]))
        return Figure(title, sections)

    def _what(self) -> str:
        if self.kind == "invert":
            return f"invert {self.layer or 'the output'}"
        return f"maximise {title_of(self.names)}" + (f" of {self.layer}" if self.layer else "")

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def title_of(names: Sequence[str]) -> str:
    """Up to three different names one after the other, or how many there are."""
    different = list(dict.fromkeys(names))
    return ", ".join(different) if len(different) <= 3 else f"{len(different)} channels"


def stacked_previews(previews: list[Tensor], x: Tensor) -> Tensor:
    """(k, n, C, H, W) uint8, also of none."""
    return torch.stack(previews) if previews else torch.zeros((0, *x.shape), dtype=torch.uint8)

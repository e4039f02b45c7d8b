"""Correspondence: whether masking the same part of different images changes the features in the same way."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._progress import Progress, goes_on, progress_bar
from ..figures import Chart, Figure, Section, Tile
from ..input_modification._patches import filling
from ..network import Network
from ._run import as_network, check_layers, late_layer, run
from ._sources import Drawings, Photos, as_sources

RANDOM = "random"
ZEROS = ("symbol", "opposite")

Box = tuple[int, int, int, int]


@dataclass(frozen=True, eq=False)
class Correspondence:
    """How differently the same mask changes the features of different images; less is more consistent.

    parts : names of what was masked. layers : names.
    hamming : (parts, layers, pairs) float64 in 0..1, for every pair i < j of images the share of features whose change has
        another sign.
    delta, std : (parts, layers), their mean and (population) standard deviation over the pairs, as in the paper's
        table.
    total : (parts, layers) float64, the sum of the paper's equation: over ordered pairs, and over features.
    zeros : how a change of exactly 0 counts, see `correspondence`.
    masked : by part, (n, C, H, W), the masked images as the network saw them.
    finished : False where a callback ended the analysis: the parts not reached are NaN.
    """

    parts: tuple[str, ...]
    layers: tuple[str, ...]
    hamming: Tensor
    total: Tensor
    zeros: str
    masked: dict[str, Tensor]
    network: Network
    finished: bool = True

    @property
    def delta(self) -> Tensor:
        return self.hamming.mean(2)

    @property
    def std(self) -> Tensor:
        return self.hamming.std(2, correction=0)

    def __repr__(self) -> str:
        pairs = self.hamming.shape[2]
        return (
            f"Correspondence(parts {', '.join(self.parts)}; layers {', '.join(self.layers)}; "
            f"{pairs} pair{'s' if pairs != 1 else ''})"
        )

    def figure(self) -> Figure:
        """The masked images, a row for each part, and the table as bars."""
        sections = [
            Section(part, [self._tile(image) for image in images], self._row(part), side=72)
            for part, images in self.masked.items()
        ]
        series = [
            (part, list(self.layers), row.numpy()) for part, row in zip(self.parts, self.delta, strict=True)
        ]
        caption = (
            "Share of features that change differently, mean over pairs of images; less is more consistent"
        )
        chart = Chart(series, "layer", "Delta", caption, kind="bar", size=(420, 240))
        return Figure("Correspondence", [*sections, Section("", [chart])])

    def _tile(self, image: Tensor) -> Tile:
        return Tile(self.network.picture(image[None])[0], smooth=True)

    def _row(self, part: str) -> str:
        at = self.parts.index(part)
        cells = zip(self.layers, self.delta[at].tolist(), self.std[at].tolist(), strict=True)
        return " · ".join(f"{layer}: {mean:.3f} ± {std:.3f}" for layer, mean, std in cells)

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def correspondence(
    model: Any,
    images: Any,
    masks: Mapping[str, Sequence[Any]] | None = None,
    layers: Sequence[str] | None = None,
    *,
    strokes: Mapping[str, Sequence[Any]] | None = None,
    random: bool = True,
    fill: Any = None,
    zeros: str = "symbol",
    seed: int = 0,
    progress: bool = True,
    callback: Callable[[Progress], bool | None] | None = None,
) -> Correspondence:
    """Mask the same part of several images, and compare the signs of what changes.

    Zeiler & Fergus (arXiv 1311.2901, section 4.3 and table 1), with x_i the features of image i at a layer:

        eps_i = x_i - x_i masked,    Delta = sum over i != j of Hamming(sign(eps_i), sign(eps_j))

    The table shows it over the number of features and of pairs, with the deviation over pairs. A layer that knows
    of parts has a lower Delta where the same part is masked than where random ones are.

    Parameters
    ----------
    model : a torch.nn.Module in eval mode, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled
        recogniser. It is not changed.
    images : at least two: (n, C, H, W) as the model takes them; or a list of `Sketch`, or of pictures as
        `Network.prepare` takes them.
    masks : {part: one mask for each image}, a mask being a box (top, left, bottom, right) in pixels of the input, or
        (H, W) bool, True where it hides.
    layers : names; None: the last of `Network.layers()`, and the last before the class scores.
    strokes : for sketches, {part: one collection of stroke numbers for each image}, which are left out of it.
    random : whether to add the part "random": for each image a box of the size of its first part, anywhere; or as many
        strokes, chosen at random.
    fill : of what is hidden: "mean", "grey", "paper" or "noise", or numbers, as in `sw.occlusion`. None: "paper" for
        sketches, else "mean".
    zeros : a feature that does not change (a ReLU that is off before and after) has sign 0. "symbol": 0 is a third sign,
        different from + and from -. "opposite": only + against - counts as different.
    progress : show a progress bar. callback : called after every part; False ends the analysis.

    Raises ValueError or TypeError that name the argument.

    >>> house = sw.Sketch([[(0, 50), (0, 100), (80, 100), (80, 50), (0, 50)], [(0, 50), (40, 0), (80, 50)]])
    >>> barn = sw.Sketch([[(0, 60), (0, 90), (95, 90), (95, 60), (0, 60)], [(0, 60), (50, 20), (95, 60)]])
    >>> recognizer = sw.Recognizer.load("sketch-a-net-quickdraw345")
    >>> roofs = {"roof": [[1], [1]]}
    >>> result = sw.correspondence(recognizer, [house, barn], strokes=roofs, progress=False)
    >>> result
    Correspondence(parts roof, random; layers relu5, relu7; 1 pair)
    >>> result.delta.shape
    torch.Size([2, 2])
    """
    if zeros not in ZEROS:
        raise ValueError(f"zeros must be one of {', '.join(map(repr, ZEROS))}, not {zeros!r}")
    network = as_network(model, images)
    sources = as_sources(network, images, 0.0)
    if len(sources) < 2:
        raise ValueError(f"images must be at least two, to compare their changes, not {len(sources)}")
    fill = ("paper" if isinstance(sources, Drawings) else "mean") if fill is None else fill
    parts = _masked_parts(sources, masks or {}, strokes or {}, random, fill, seed)
    if layers is None:
        layers = (network.layers()[-1], late_layer(network, sources.images[:1]))
    layers = check_layers(network, layers, ())
    before, _ = run(network, sources.images, layers)
    pairs = list(combinations(range(len(sources)), 2))
    hamming = torch.full((len(parts), len(layers), len(pairs)), torch.nan, dtype=torch.float64)
    total = torch.full((len(parts), len(layers)), torch.nan, dtype=torch.float64)
    done = 0
    with progress_bar(len(parts), "Correspondence", "part", progress) as bar:
        for place, masked in enumerate(parts.values()):
            after, _ = run(network, masked, layers)
            for at, layer in enumerate(layers):
                signs = (before[layer] - after[layer]).sign()
                differ = torch.stack([_different(signs[i], signs[j], zeros).sum() for i, j in pairs])
                hamming[place, at] = differ.double() / signs.shape[1]
                total[place, at] = 2 * float(differ.sum())
            done += 1
            bar.update()
            if not goes_on(callback, done, len(parts)):
                break
    return Correspondence(
        tuple(parts), layers, hamming, total, zeros, parts, network, finished=done == len(parts)
    )


def _different(a: Tensor, b: Tensor, zeros: str) -> Tensor:
    return a != b if zeros == "symbol" else a * b < 0


def _masked_parts(
    sources: Photos | Drawings,
    masks: Mapping[str, Sequence[Any]],
    strokes: Mapping[str, Sequence[Any]],
    random: bool,
    fill: Any,
    seed: int,
) -> dict[str, Tensor]:
    """By part, the masked images (n, C, H, W)."""
    for name, given in (("masks", masks), ("strokes", strokes)):
        if not isinstance(given, Mapping):
            raise TypeError(
                f"{name} must map the name of a part to one entry for each image, not {type(given).__name__}"
            )
        for part, entries in given.items():
            if len(entries) != len(sources):
                raise ValueError(
                    f"{name}[{part!r}] must have {len(sources)} entries, one for each image, not {len(entries)}"
                )
    if not masks and not strokes:
        raise ValueError("masks or strokes must name at least one part")
    if strokes and not isinstance(sources, Drawings):
        raise ValueError("strokes can be left out of sketches only; give masks")
    both = set(masks) & set(strokes)
    if both or (random and RANDOM in {*masks, *strokes}):
        raise ValueError(f"part {sorted(both or {RANDOM})[0]!r} is given twice")
    generator = np.random.default_rng(seed)
    size = tuple(sources.images.shape[2:])
    hidden = {part: [_as_mask(part, entry, size) for entry in entries] for part, entries in masks.items()}
    left_out = {
        part: [_as_strokes(part, entry, len(sources.frames[i])) for i, entry in enumerate(entries)]
        for part, entries in strokes.items()
    }
    if random and hidden:
        hidden[RANDOM] = [_random_mask(mask, generator) for mask in next(iter(hidden.values()))]
    elif random:
        first = next(iter(left_out.values()))
        left_out[RANDOM] = [
            set(generator.choice(len(sources.frames[i]), len(chosen), replace=False).tolist())
            for i, chosen in enumerate(first)
        ]
    made = {}
    for part, entries in hidden.items():
        fills = torch.stack([filling(image[None], fill, seed) for image in sources.images])
        made[part] = torch.where(torch.stack(entries)[:, None].to(fills.device), fills, sources.images)
    for part, entries in left_out.items():
        made[part] = torch.cat([sources.without(i, chosen) for i, chosen in enumerate(entries)])
    if random:
        made[RANDOM] = made.pop(RANDOM)  # last
    return made


def _as_mask(part: str, entry: Any, size: tuple[int, int]) -> Tensor:
    """(H, W) bool, True where it hides, of a box or a mask."""
    values = torch.as_tensor(entry)
    if values.dtype == torch.bool and tuple(values.shape) == size:
        mask = values.cpu()
    elif values.shape == (4,) and values.dtype != torch.bool:
        top, left, bottom, right = (int(v) for v in values.round())
        if not (0 <= top < bottom <= size[0] and 0 <= left < right <= size[1]):
            raise ValueError(
                f"masks[{part!r}] has a box {(top, left, bottom, right)} outside of the input of {size[0]} x {size[1]}"
            )
        mask = torch.zeros(size, dtype=torch.bool)
        mask[top:bottom, left:right] = True
    else:
        raise ValueError(
            f"masks[{part!r}] must hold boxes (top, left, bottom, right) or bool masks {size}, "
            f"not {tuple(values.shape)} of {values.dtype}"
        )
    if not mask.any():
        raise ValueError(f"masks[{part!r}] has a mask that hides nothing")
    return mask


def _as_strokes(part: str, entry: Any, count: int) -> set[int]:
    chosen = {int(k) for k in entry}
    if not chosen or not all(0 <= k < count for k in chosen):
        raise ValueError(
            f"strokes[{part!r}] must hold stroke numbers in 0..{count - 1}, not {sorted(chosen)}"
        )
    return chosen


def _random_mask(mask: Tensor, generator: np.random.Generator) -> Tensor:
    """A box of the size of a mask's bounding box, anywhere."""
    rows, columns = mask.any(1).nonzero(), mask.any(0).nonzero()
    height, width = int(rows[-1] - rows[0]) + 1, int(columns[-1] - columns[0]) + 1
    top = int(generator.integers(0, mask.shape[0] - height + 1))
    left = int(generator.integers(0, mask.shape[1] - width + 1))
    moved = torch.zeros_like(mask)
    moved[top : top + height, left : left + width] = True
    return moved

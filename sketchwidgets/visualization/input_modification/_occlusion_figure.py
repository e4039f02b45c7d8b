"""An occlusion experiment as pictures: the heat map, and the three maps of Zeiler & Fergus."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from ..figures import Figure, Section, Tile
from ..figures._numbers import percent, short
from ..network._classes import class_name
from ._occlusion_result import Occlusion

_LABELS = 8  # that have a colour of their own in the map of labels
Picture = Callable[[Tensor], np.ndarray]


def plain_picture(image: Tensor) -> Picture:
    """How to show images (n, C, H, W) of whose preprocessing nothing is known, by the range of one of them (C, H, W).

    One channel, dark at the border, is a drawing: ink on white paper.
    """
    low, high = float(image.min()), float(image.max())
    border = torch.cat([image[:, 0], image[:, -1], image[:, :, 0], image[:, :, -1]], dim=1)
    is_drawing = image.shape[0] != 3 and float(border.median()) <= low + 0.25 * (high - low)

    def picture(images: Tensor) -> np.ndarray:
        values = images.float() if images.shape[1] in (1, 3) else images.float().mean(1, keepdim=True)
        shares = ((values - low) / (high - low if high > low else 1.0)).clamp(0, 1)
        pixels = (
            ((1 - shares if is_drawing else shares) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).numpy()
        )
        return pixels[..., 0] if pixels.shape[3] == 1 else pixels

    return picture


def class_names(classes: Sequence[str] | None) -> Callable[[int], str]:
    """The name of a class by its index."""
    return lambda index: "–" if index < 0 else class_name(classes, index)


def picture_of(occlusion: Occlusion) -> Picture:
    """How to show its images."""
    return occlusion.picture or plain_picture(occlusion.image)


def occlusion_tiles(occlusion: Occlusion, classes: Sequence[str] | None = None) -> dict[str, Tile]:
    """The tiles "image", "heat", "activity", "probability", "label"."""
    name = class_names(classes or occlusion.classes)
    pixels = picture_of(occlusion)(occlusion.image[None])[0]
    target, before = name(occlusion.target), occlusion.probability_before
    unit = f"{occlusion.layer} / {occlusion.channel}"
    answer = name(occlusion.label_before)
    return {
        "image": Tile(
            pixels, f"{answer} {percent(float(occlusion.probabilities_before.max()), fine=True)}", smooth=True
        ),
        "heat": Tile.heat(
            occlusion.heat,
            "what moves the map most",
            description=f"For every pixel, how much the patches that cover it change feature map {unit}",
            low=0.0,
            high=1.0,
            over=pixels,
            alpha=0.6,
            fade=True,
            smooth=True,
        ),
        "activity": Tile.heat(
            occlusion.activity,
            f"activity of {unit}, {short(occlusion.activity_before)} without a patch",
            description="Total activation of the feature map for every position of the patch",
        ),
        "probability": Tile.heat(
            100 * occlusion.probability,
            f"probability of {target} in %, {percent(before, fine=True)} without a patch",
            description=f"Probability of {target} for every position of the patch",
        ),
        "label": _label_tile(occlusion, name),
    }


def _label_tile(occlusion: Occlusion, name: Callable[[int], str]) -> Tile:
    labels = occlusion.label.numpy()
    present, areas = np.unique(labels[labels >= 0], return_counts=True)
    kept = present[np.argsort(-areas, kind="stable")][:_LABELS].tolist()
    ranks = {label: rank for rank, label in enumerate(kept)}
    few = np.vectorize(lambda label: -1 if label < 0 else ranks.get(label, len(kept)), otypes=[np.int64])(
        labels
    )
    return Tile.categories(
        few,
        [*(name(label) for label in kept), "others"],
        "what the network says",
        description="The most probable class for every position of the patch",
        order=range(len(kept) + 1),
    )


def occlusion_figure(occlusion: Occlusion, classes: Sequence[str] | None = None) -> Figure:
    """The figure of an experiment."""
    tiles = occlusion_tiles(occlusion, classes)
    size = " × ".join(str(n) for n in dict.fromkeys(occlusion.size))
    stride = " × ".join(str(n) for n in dict.fromkeys(occlusion.stride))
    rows, columns = occlusion.activity.shape
    about = f"A patch of {size} pixels, moved by {stride}: {rows} × {columns} positions."
    return Figure("Occlusion", [Section("", list(tiles.values()), caption=about, side=168)])

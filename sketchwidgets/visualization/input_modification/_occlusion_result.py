"""What an occlusion experiment returns."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from ..figures import Figure


@dataclass(frozen=True, eq=False)
class Occlusion:
    """What a network says while a patch is moved over one image; rows x cols patch positions, all on the CPU.

    activity : (rows, cols) float64, total activation (sum over space) of one feature map (Zeiler & Fergus, ECCV
        2014, figure 6 b).
    probability : (rows, cols), of the target class (figure 6 d).
    label : (rows, cols) int64, the most probable class (figure 6 e).
    change : (rows, cols) float64, 2-norm of the difference that the patch makes in the feature map (FeatureVis).
    heat : (H, W), the changes added up over the pixels that each patch covers, divided by the maximum (FeatureVis).
    top_classes, top_probabilities : (rows, cols, top), the most probable classes, most probable first.
    boxes : (rows, cols, 4) int64: top, left, bottom, right of each patch, clipped to the image.
    activity_before, probabilities_before (classes,) : the same, unoccluded.
    target, layer, channel : the class, the layer and the feature map that were watched.
    image : (C, H, W), as the network sees it. filling : (C, H, W), what it would be, occluded everywhere.
    size, stride : of the patches, (down, across) in pixels.
    method : "incremental" or "forward", the way it was computed.
    classes : names of the classes; picture : makes (n, h, w[, 3]) uint8 of images (n, C, H, W); of a Network, else None.
    done : (rows, cols) bool; False where a callback stopped before: there maps are NaN and classes are -1.
    """

    activity: Tensor
    probability: Tensor
    label: Tensor
    change: Tensor
    heat: Tensor
    top_classes: Tensor
    top_probabilities: Tensor
    boxes: Tensor
    activity_before: float
    probabilities_before: Tensor
    target: int
    layer: str
    channel: int
    image: Tensor
    filling: Tensor
    size: tuple[int, int]
    stride: tuple[int, int]
    method: str
    done: Tensor
    classes: tuple[str, ...] | None = None
    picture: Callable[[Tensor], np.ndarray] | None = None

    @property
    def probability_before(self) -> float:
        """Of the target class, unoccluded."""
        return float(self.probabilities_before[self.target])

    @property
    def label_before(self) -> int:
        """The most probable class, unoccluded."""
        return int(self.probabilities_before.argmax())

    def occluded(self, row: int, column: int) -> Tensor:
        """The image with the patch at one position, (C, H, W)."""
        top, left, bottom, right = self.boxes[row, column].tolist()
        image = self.image.clone()
        image[:, top:bottom, left:right] = self.filling[:, top:bottom, left:right]
        return image

    def __repr__(self) -> str:
        rows, columns = self.activity.shape
        stopped = "" if bool(self.done.all()) else f", stopped after {int(self.done.sum())}"
        return (
            f"Occlusion({rows} x {columns} positions, patch {_pair(self.size)}, stride {_pair(self.stride)}, "
            f"class {self.target}, {self.layer}/{self.channel}{stopped})"
        )

    def figure(self, classes: Sequence[str] | None = None) -> "Figure":
        """The image, its heat map, and the three maps of Zeiler & Fergus, as a picture.

        classes : names of the classes, where they are not known from a Network. Without one, the image is shown
            between its extremes, and one that looks like ink on paper as such.
        """
        from ._occlusion_figure import occlusion_figure

        return occlusion_figure(self, classes)

    def _repr_html_(self) -> str:
        return self.figure().to_html()


@dataclass(frozen=True)
class OcclusionProgress:
    """How far an occlusion experiment is: positions done of all, and the maps so far (NaN where not done; live)."""

    done: int
    total: int
    activity: Tensor
    probability: Tensor


def _pair(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]} x {pair[1]}"


def heat_of(image_size: tuple[int, int], boxes: Tensor, change: Tensor) -> Tensor:
    """(H, W): the changes of the patches that cover a pixel, added up and divided by the maximum.

    FeatureVis adds them over squares of side `stride`, although its patches have side `size`, and draws the patch
    itself that small as well; here a patch is as large as it is said to be and counts where it lies.
    """
    corners = torch.zeros(image_size[0] + 1, image_size[1] + 1, dtype=torch.float64)
    top, left, bottom, right = boxes.reshape(-1, 4).T
    amounts = change.reshape(-1).nan_to_num(0.0).double()
    for rows, columns, sign in ((top, left, 1), (bottom, right, 1), (top, right, -1), (bottom, left, -1)):
        corners.index_put_((rows, columns), sign * amounts, accumulate=True)
    # The running sum over both axes: what is switched on at one corner is off behind the opposite one.
    heat = corners.cumsum(0).cumsum(1)[:-1, :-1].clamp_min(0)
    peak = heat.max()
    # Sums of what cancels leave crumbs.
    heat = torch.where(heat > 1e-9 * peak, heat, 0.0)
    return heat / peak if peak > 0 else heat

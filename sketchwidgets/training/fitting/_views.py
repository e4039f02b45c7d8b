"""Views of a picture: what of it a network sees at a step, and what it sees to be tested."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from sketchwidgets.models._checks import check_choice, check_range, check_whole

_INPUT = 225  # pixels that Sketch-a-Net sees of the 256
_MOST = 1.5  # times the input: what is cut from a larger picture is a scrap of it


class _Usual(int):
    """A size that nobody has asked for, which may follow the network. It is as any whole number to all else."""


USUAL = _Usual(256)


@dataclass(frozen=True)
class Views:
    """How a picture becomes inputs of a network.

    A picture is brought to `size` x `size`; a view is a part of it of the network's input size, mirrored or not.

    size : side of the picture in pixels; None: the network's input size, so that there is nothing to choose from. Left
        out, as in the recipes of the papers: 256, for networks that see 171 to 256 pixels; for others as much of their
        input as 256 is of 225, so 36 for one of 32. A number that is given counts as it is for any network.
    crops : "random": any part, as of Sketch-a-Net; "ten": one of the four corners and the centre (Zeiler & Fergus).
    mirror : the probability that a view is mirrored left to right.
    rotation, rotated : turned by a whole number of degrees, at most `rotation` to either side, with this probability.
    ink : whether pictures are dark ink on bright paper: a view is then positive where the ink is.
    span : the value of full ink, or of white: 255 in the papers.
    mean : True: the mean picture of the training data is subtracted, pixel by pixel; numbers in the unit of `span`, one
        or one for each channel in the network's order: these are; False: nothing is.
    test : the views whose scores are summed to test a network: "ten", or "centre" for that one alone.
    deviation : what the difference is divided by, likewise; None for nothing.
    channel_order : of three channels, "rgb", or "bgr" as in networks that come from Caffe.
    own : whether a network that brings a way of preparing pictures is fed in that way: an `ImportedNetwork` by its
        `preprocessing`, one with ImageNet weights with paper and ImageNet's mean and deviation. It then decides `ink`,
        `span`, `mean`, `deviation`, `channel_order` and, if it has one, `size`. None: where the first five are left as
        they are here. Other networks are fed as these fields say.

    >>> from sketchwidgets.training import Views
    >>> Views(size=256, crops="random", rotation=5, rotated=0.55).mirror
    0.5
    >>> Views().side(32), Views().side(225), Views(size=64).side(32), Views(size=None).side(32)
    (36, 256, 64, 32)
    """

    size: int | None = USUAL
    crops: Literal["random", "ten"] = "random"
    mirror: float = 0.5
    rotation: int = 0
    rotated: float = 0.0
    ink: bool = True
    span: float = 1.0
    mean: bool | tuple[float, ...] = False
    test: Literal["ten", "centre"] = "ten"
    deviation: tuple[float, ...] | None = None
    channel_order: Literal["rgb", "bgr"] = "rgb"
    own: bool | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.mean, bool):
            object.__setattr__(self, "mean", _numbers("mean", self.mean))
        if self.deviation is not None:
            object.__setattr__(self, "deviation", _numbers("deviation", self.deviation))
            if min(self.deviation) <= 0:
                raise ValueError(f"deviation must be above 0, not {self.deviation}")
        check_choice("channel_order", self.channel_order, ("rgb", "bgr"))
        if self.own is not None and not isinstance(self.own, bool):
            raise ValueError(f"own must be True, False or None, not {self.own!r}")
        if not isinstance(self.ink, bool):
            raise ValueError(f"ink must be True or False, not {self.ink!r}")
        check_choice("crops", self.crops, ("random", "ten"))
        check_choice("test", self.test, ("centre", "ten"))
        if self.size is not None:
            check_whole("size", self.size, 1, 4096)
        for name in ("mirror", "rotated"):
            check_range(name, getattr(self, name), least=0, most=1)
        check_whole("rotation", self.rotation, 0, 180)
        check_range("span", self.span, above=0, most=65535)

    def side(self, side: int) -> int:
        """Side of the picture, in pixels, for a network that sees `side` x `side` of it."""
        if self.size is None:
            return side
        if isinstance(self.size, _Usual) and not side <= self.size <= _MOST * side:
            return round(self.size * side / _INPUT)
        return int(self.size)

    def random(
        self, pictures: Tensor, side: int, rng: np.random.Generator, mean: Tensor | None = None
    ) -> Tensor:
        """A random view (n, C, side, side) of each picture (n, C, size, size) with values in [0, 1]."""
        n, room = len(pictures), pictures.shape[-1] - side
        # All are drawn whether they are used or not, so that one setting does not change what another one draws.
        turned = rng.random(n) < self.rotated
        angle = rng.integers(-self.rotation, self.rotation, n, endpoint=True)
        mirrored = rng.random(n) < self.mirror
        if self.crops == "random":
            corner = rng.integers(0, room, (n, 2), endpoint=True)
        else:
            corner = np.array(corners(room))[rng.integers(0, 5, n)]
        if self.rotation and turned.any():
            pictures = pictures.clone()
            where = torch.from_numpy(np.flatnonzero(turned))
            pictures[where] = _turn(pictures[where], angle[turned], self.ink)
        pictures = self.ordered(pictures)
        views = pictures.new_empty((n, pictures.shape[1], side, side))
        for i, ((top, left), mirror) in enumerate(zip(corner.tolist(), mirrored.tolist(), strict=True)):
            part = self._part(pictures[i], top, left, side, mean)
            views[i] = part.flip(-1) if mirror else part
        return views

    def centre(self, pictures: Tensor, side: int, mean: Tensor | None = None) -> Tensor:
        """The view (n, C, side, side) in the middle of each picture, not mirrored."""
        top, left = corners(pictures.shape[-1] - side)[-1]
        return self._part(self.ordered(pictures), top, left, side, mean).contiguous()

    def every(self, pictures: Tensor, side: int, mean: Tensor | None = None) -> Tensor:
        """The views (n, v, C, side, side) that a network is tested on: ten, or one."""
        if self.test == "centre":
            return self.centre(pictures, side, mean)[:, None]
        pictures = self.ordered(pictures)
        places = corners(pictures.shape[-1] - side)
        parts = [self._part(pictures, top, left, side, mean) for top, left in places]
        return torch.stack([*parts, *(part.flip(-1) for part in parts)], 1)

    def ordered(self, pictures: Tensor) -> Tensor:
        """RGB pictures (..., C, h, w) with the channels as the network takes them."""
        return pictures.flip(-3) if self.channel_order == "bgr" and pictures.shape[-3] == 3 else pictures

    def _part(self, pictures: Tensor, top: int, left: int, side: int, mean: Tensor | None) -> Tensor:
        """A part of pictures (..., C, size, size) with the values that the network takes.

        mean : of whole pictures, of which the same part counts, or of a view, as imported networks bring it.
        """
        part = pictures[..., top : top + side, left : left + side]
        part = part * self.span if self.span != 1 else part
        if mean is not None:
            if mean.shape[-1] != side:
                mean = mean[:, top : top + side, left : left + side]
            part = part - mean.to(part.device)
        elif isinstance(self.mean, tuple):
            part = part - part.new_tensor(self.mean)[:, None, None]
        return part if self.deviation is None else part / part.new_tensor(self.deviation)[:, None, None]


def corners(room: int) -> list[tuple[int, int]]:
    """(top, left) of the five parts of a picture that is larger than a view by `room`: corners, then the centre.

    The centre is rounded as torchvision does, whose crop `Network.prepare` uses.

    >>> corners(31)
    [(0, 0), (31, 0), (0, 31), (31, 31), (16, 16)]
    """
    middle = round(room / 2)
    return [(0, 0), (room, 0), (0, room), (room, room), (middle, middle)]


def _numbers(name: str, value: Any) -> tuple[float, ...]:
    found = tuple(value) if isinstance(value, list | tuple) else (value,)
    if not found or not all(
        isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in found
    ):
        raise ValueError(f"{name} must be a finite number or one for each channel, not {value!r}")
    return tuple(map(float, found))


def _turn(pictures: Tensor, degrees: np.ndarray, ink: bool) -> Tensor:
    """Pictures turned counterclockwise about their centres, bilinear.

    What comes in at the corners is paper, 0, or where they are no `ink`, whose paper is not 0, what is at the border.
    """
    beyond = "zeros" if ink else "border"
    made = torch.empty_like(pictures)
    shape = pictures.shape[-2:]
    for angle in np.unique(
        degrees
    ):  # pictures that turn alike are channels of one, which share the way of each pixel
        where = torch.from_numpy(np.flatnonzero(degrees == angle))
        cos, sin = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        matrix = torch.tensor([[[cos, -sin, 0.0], [sin, cos, 0.0]]], dtype=pictures.dtype)
        grid = F.affine_grid(matrix, [1, 1, *shape], align_corners=False)
        alike = pictures[where].view(1, -1, *shape)
        turned = F.grid_sample(alike, grid, mode="bilinear", padding_mode=beyond, align_corners=False)
        made[where] = turned.view(len(where), -1, *shape)
    return made

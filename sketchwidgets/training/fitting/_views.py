"""Views of a picture: what of it a network sees at a step, and what it sees to be tested."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Views:
    """How a picture becomes inputs of a network.

    A picture is brought to `size` x `size`; a view is a part of it of the network's input size, mirrored or not.

    size : side of the picture in pixels; None: the network's input size, so that there is nothing to choose from.
    crops : "random": any part, as of Sketch-a-Net; "ten": one of the four corners and the centre (Zeiler & Fergus).
    mirror : the probability that a view is mirrored left to right.
    rotation, rotated : turned by a whole number of degrees, at most `rotation` to either side, with this probability.
    ink : whether pictures are dark ink on bright paper: a view is then positive where the ink is.
    span : the value of full ink, or of white: 255 in the papers.
    mean : whether the mean picture of the training data is subtracted, pixel by pixel.
    test : the views whose scores are summed to test a network: "ten", or "centre" for that one alone.

    >>> from sketchwidgets.training import Views
    >>> Views(size=256, crops="random", rotation=5, rotated=0.55).mirror
    0.5
    """

    size: int | None = 256
    crops: Literal["random", "ten"] = "random"
    mirror: float = 0.5
    rotation: int = 0
    rotated: float = 0.0
    ink: bool = True
    span: float = 1.0
    mean: bool = False
    test: Literal["ten", "centre"] = "ten"

    def __post_init__(self) -> None:
        if self.crops not in ("random", "ten"):
            raise ValueError(f'crops must be "random" or "ten", not {self.crops!r}')
        if self.test not in ("centre", "ten"):
            raise ValueError(f'test must be "centre" or "ten", not {self.test!r}')
        if self.size is not None and not 1 <= self.size <= 4096:
            raise ValueError(f"size must be from 1 to 4096 pixels, not {self.size}")
        for name in ("mirror", "rotated"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be a probability, not {getattr(self, name)}")
        if not 0 <= self.rotation <= 180:
            raise ValueError(f"rotation must be from 0 to 180 degrees, not {self.rotation}")
        if not 0 < self.span <= 65535:
            raise ValueError(f"span must be above 0 and at most 65535, not {self.span}")

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
        pictures = self._valued(pictures, mean)
        views = pictures.new_empty((n, pictures.shape[1], side, side))
        for i, ((top, left), mirror) in enumerate(zip(corner.tolist(), mirrored.tolist(), strict=True)):
            part = pictures[i, :, top : top + side, left : left + side]
            views[i] = part.flip(-1) if mirror else part
        return views

    def centre(self, pictures: Tensor, side: int, mean: Tensor | None = None) -> Tensor:
        """The view (n, C, side, side) in the middle of each picture, not mirrored."""
        top, left = corners(pictures.shape[-1] - side)[-1]
        return self._valued(pictures, mean)[:, :, top : top + side, left : left + side].contiguous()

    def every(self, pictures: Tensor, side: int, mean: Tensor | None = None) -> Tensor:
        """The views (n, v, C, side, side) that a network is tested on: ten, or one."""
        if self.test == "centre":
            return self.centre(pictures, side, mean)[:, None]
        pictures = self._valued(pictures, mean)
        parts = [
            pictures[:, :, top : top + side, left : left + side]
            for top, left in corners(pictures.shape[-1] - side)
        ]
        return torch.stack([*parts, *(part.flip(-1) for part in parts)], 1)

    def _valued(self, pictures: Tensor, mean: Tensor | None) -> Tensor:
        pictures = pictures * self.span if self.span != 1 else pictures
        return pictures if mean is None else pictures - mean.to(pictures.device)


def corners(room: int) -> list[tuple[int, int]]:
    """(top, left) of the five parts of a picture that is larger than a view by `room`: corners, then the centre.

    >>> corners(31)
    [(0, 0), (31, 0), (0, 31), (31, 31), (15, 15)]
    """
    return [(0, 0), (room, 0), (0, room), (room, room), (room // 2, room // 2)]


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

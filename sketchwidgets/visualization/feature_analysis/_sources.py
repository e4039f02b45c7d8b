"""What is analysed: images that a network takes, and what becomes of them when they are masked or moved.

Drawings are changed as strokes, before they are rasterised: no pixel is interpolated, and lines stay as thick as
they are under every scale and angle. Photos are changed as pixels.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from sketchwidgets.sketch import Sketch
from sketchwidgets.sketch.rasterizer import rasterize

from ..input_modification._stroke_frame import StrokeFrame, checked_sketch
from ..network import Network


class Photos:
    """Images (n, C, H, W) as the network takes them."""

    kind = "image"

    def __init__(self, images: Tensor, fill: float | Sequence[float]) -> None:
        self.images = images
        self.fill = fill

    def __len__(self) -> int:
        return len(self.images)

    def moved(self, transform: str, value: float) -> Tensor:
        """All images under a transform; bilinear, with `fill` where nothing is left."""
        return torch.cat([self.moved_one(i, transform, value) for i in range(len(self))])

    def moved_one(self, i: int, transform: str, value: float) -> Tensor:
        """(1, C, H, W)"""
        from torchvision.transforms.v2 import InterpolationMode
        from torchvision.transforms.v2 import functional as F

        image = self.images[i : i + 1]
        angle, shift, scale = _motion(transform, value)
        if (angle, shift, scale) == (0.0, 0.0, 1.0):
            return image.clone()
        precise = image if image.dtype == torch.float64 else image.float()
        fill = [float(v) for v in torch.as_tensor(self.fill, dtype=torch.float64).expand(image.shape[1])]
        moved = F.affine(
            precise,
            angle=angle,
            translate=[0, shift],
            scale=scale,
            shear=[0.0, 0.0],
            interpolation=InterpolationMode.BILINEAR,
            fill=fill,
        )
        return moved.to(image.dtype)


class Drawings:
    """Sketches in the frame of the network; leaving out or moving strokes leaves the frame where it is."""

    kind = "drawing"

    def __init__(self, network: Network, sketches: Iterable[Sketch]) -> None:
        self.network = network
        self.frames = [StrokeFrame(network, checked_sketch(sketch)) for sketch in sketches]
        self.images = torch.cat([frame.images([range(len(frame))]) for frame in self.frames])

    def __len__(self) -> int:
        return len(self.frames)

    def without(self, i: int, strokes: set[int]) -> Tensor:
        """(1, C, H, W): drawing i without these strokes."""
        frame = self.frames[i]
        return frame.images([[k for k in range(len(frame)) if k not in strokes]])

    def moved(self, transform: str, value: float) -> Tensor:
        """All drawings under a transform."""
        return torch.cat([self.moved_one(i, transform, value) for i in range(len(self))])

    def moved_one(self, i: int, transform: str, value: float) -> Tensor:
        """(1, C, H, W)"""
        angle, shift, scale = _motion(transform, value)
        frame = self.frames[i]
        middle = (frame.size - 1) / 2
        cosine, sine = scale * math.cos(math.radians(angle)), scale * math.sin(math.radians(angle))
        turn = torch.tensor([[cosine, sine], [-sine, cosine]], dtype=torch.float64)
        points = (frame.points.double() - middle) @ turn + middle + torch.tensor([0.0, shift])
        strokes = points.float().split(frame.lengths)
        parts = [[strokes[k].numpy() for k in part] for part in frame.parts]
        ink = rasterize(parts, frame.size, frame.width, extent=None)[:, 0]
        return frame.prepared(ink[None])


def as_sources(network: Network, images: Any, fill: float | Sequence[float]) -> Photos | Drawings:
    """Of a tensor (n, C, H, W) as the network takes it, or of a sequence of sketches or of pictures."""
    if isinstance(images, Tensor) and images.ndim == 4:
        expected = (network.channels, *network.size)
        if tuple(images.shape[1:]) != expected or not len(images):
            raise ValueError(
                f"images must be (n, {', '.join(map(str, expected))}), not {tuple(images.shape)}"
            )
        if not images.is_floating_point():
            raise ValueError(f"images must be floating point, not {images.dtype}")
        if not torch.isfinite(images).all():
            raise ValueError("images hold values that are not finite")
        return Photos(images.detach().to(*network._place()), _check_fill(fill, network.channels))
    items = [images] if isinstance(images, Sketch) else list(images) if _is_sequence(images) else [images]
    if not items:
        raise ValueError("images is empty")
    drawn = [isinstance(item, Sketch) for item in items]
    if all(drawn):
        return Drawings(network, items)
    if any(drawn):
        raise TypeError("images must be all sketches or all pictures, not some of each")
    return Photos(torch.cat([network.prepare(item) for item in items]), _check_fill(fill, network.channels))


def _motion(transform: str, value: float) -> tuple[float, float, float]:
    """Angle in degrees, clockwise; shift downwards in pixels; scale."""
    return {
        "translation": (0.0, float(value), 1.0),
        "scale": (0.0, 0.0, float(value)),
        "rotation": (float(value), 0.0, 1.0),
    }[transform]


def _is_sequence(images: Any) -> bool:
    return isinstance(images, list | tuple)


def _check_fill(fill: Any, channels: int) -> Any:
    values = torch.as_tensor(fill, dtype=torch.float64)
    if values.ndim > 1 or values.numel() not in (1, channels) or not torch.isfinite(values).all():
        raise ValueError(f"fill must be one number or {channels}, one a channel, not {fill!r}")
    return fill

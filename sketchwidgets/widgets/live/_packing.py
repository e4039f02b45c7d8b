"""Signed tiles to grey bytes, all of a message in one buffer."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import torch

from ...visualization.figures._values import signed_bytes


def grey_bytes(tile: torch.Tensor) -> tuple[np.ndarray, float]:
    """A signed tile (C, h, w), any float dtype and device, as uint8 (h, w) or (h, w, 3), and its scale.

    The scale is the largest magnitude; +scale becomes 255, zero 128, -scale 1. C is 1 or 3 (ValueError
    otherwise). A tile without signal is 128 everywhere, its scale 0; so is one with a value that is not finite.
    """
    if tile.ndim != 3 or tile.shape[0] not in (1, 3):
        raise ValueError(f"a tile must be (1, h, w) or (3, h, w), not {tuple(tile.shape)}")
    grey, scale = signed_bytes(tile.detach().to("cpu", torch.float32).numpy())
    return np.ascontiguousarray(grey), scale


def pack_layers(layers: Iterable[tuple[str, str, Any]]) -> tuple[list[dict[str, Any]], bytes]:
    """Headers and the one buffer of a "panels" message.

    `layers` yields (name, title, projection) where projection is that layer's result of `sw.project` for one
    image: crops, channels, positions, activations, boxes and dead of its first image are read.
    """
    headers: list[dict[str, Any]] = []
    chunks: list[bytes] = []
    offset = 0
    for name, title, projection in layers:
        tiles = []
        depth = 1
        crops = projection.crops(0)
        facts = zip(
            projection.channels[0].tolist(),
            projection.positions[0].tolist(),
            projection.activations[0].tolist(),
            projection.boxes[0].tolist(),
            projection.dead[0].tolist(),
            crops,
            strict=True,
        )
        for channel, position, activation, box, dead, crop in facts:
            tile = {"channel": channel, "dead": dead, "position": position, "box": box}
            # JSON knows no NaN, and a page would refuse the whole message.
            tile["activation"] = activation if np.isfinite(activation) else None
            if dead:
                tile |= {"h": 0, "w": 0, "offset": offset, "scale": 0.0}
            else:
                grey, scale = grey_bytes(crop)
                depth = 3 if grey.ndim == 3 else 1
                tile |= {"h": grey.shape[0], "w": grey.shape[1], "offset": offset, "scale": scale}
                chunks.append(grey.tobytes())
                offset += grey.size
            tiles.append(tile)
        headers.append({"name": name, "title": title, "channels": depth, "tiles": tiles})
    return headers, b"".join(chunks)

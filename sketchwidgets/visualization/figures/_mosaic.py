"""Projections as a picture: one row of tiles per layer, drawn inline without any plotting library."""

import base64
import io
from collections.abc import Sequence
from html import escape
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from torch import Tensor

if TYPE_CHECKING:
    from ..projection._result import LayerProjection

_TILE = 96  # pixels of a tile's side on screen


def signed_to_bytes(values: Tensor) -> np.ndarray:
    """(C, h, w) signed values as (h, w) or (h, w, 3) uint8: zero is 128, the largest magnitude 1 or 255."""
    array = values.detach().float().cpu().numpy()
    if array.shape[0] not in (1, 3):  # no colours: show the sum of the channels
        array = array.sum(0, keepdims=True)
    peak = np.abs(array).max(initial=0.0)
    scaled = np.zeros_like(array) if not peak > 0 else array / peak
    pixels = np.rint(128 + 127 * np.nan_to_num(scaled)).astype(np.uint8)
    return pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)


def png(pixels: np.ndarray) -> bytes:
    """An (h, w) or (h, w, 3) uint8 picture as a PNG file."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()


def mosaic_html(layers: Sequence["LayerProjection"], most_images: int = 4) -> str:
    """One block per layer with a row of tiles per image; each tile is scaled by its own largest magnitude."""
    blocks = []
    for layer in layers:
        shown = min(len(layer), most_images)
        title = f"<b>{escape(layer.layer)}</b> · {escape(layer.rule)}"
        if shown < len(layer):
            title += f" · the first {shown} of {len(layer)} images"
        rows = "".join(
            f"<div style='display:flex;flex-wrap:wrap'>{_row(layer, i)}</div>" for i in range(shown)
        )
        blocks.append(f"<div style='margin:4px 0'><div>{title}</div>{rows}</div>")
    return "".join(blocks)


def _row(layer: "LayerProjection", image: int) -> str:
    tiles = []
    for rank, crop in enumerate(layer.crops(image)):
        channel, activation = int(layer.channels[image, rank]), float(layer.activations[image, rank])
        caption = f"{channel} · {activation:.3g}"
        if layer.dead[image, rank]:
            picture = (
                f"<div style='width:{_TILE}px;height:{_TILE}px;border:1px dashed gray;box-sizing:border-box;"
                f"display:flex;align-items:center;justify-content:center;opacity:.6'>dead</div>"
            )
        else:
            data = base64.b64encode(png(signed_to_bytes(crop))).decode() if crop.numel() else ""
            picture = (
                f"<img alt='channel {channel}' width='{_TILE}' height='{_TILE}' "
                f"style='object-fit:contain;background:#808080;image-rendering:pixelated' "
                f"src='data:image/png;base64,{data}'>"
            )
        tiles.append(f"<div style='margin:2px;font-size:11px;text-align:center'>{picture}<br>{caption}</div>")
    return "".join(tiles)

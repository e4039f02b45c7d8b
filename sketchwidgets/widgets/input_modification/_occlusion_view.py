"""The maps of an occlusion experiment in the page, where pointing at a place shows the image occluded there."""

import os
import threading
from collections.abc import Sequence
from typing import Any

import torch
from traitlets import List, TraitError, Unicode, validate

from ...visualization import Figure, Occlusion, Tile
from ...visualization.figures._numbers import short
from ...visualization.input_modification._occlusion_figure import class_names, occlusion_tiles, picture_of
from ..parts._exporting import ExportingWidget
from ..parts._figure_packing import _pack
from ..parts._newest import Newest


class OcclusionView(ExportingWidget):
    """Shows an `Occlusion`: the picture with its heat map, the picture as it is occluded at the place pointed at,
    what the network says there, and the three maps of Zeiler & Fergus.

    Everything that can be pointed at is sent at once, so pointing asks nothing of the kernel. A click keeps a place;
    so do the arrow keys.

    cell : [row, column] of the patch that is kept, None for none. Observe it, or set it.
    """

    _kind = Unicode("occlusion").tag(sync=True)
    cell = List(default_value=None, allow_none=True).tag(sync=True)

    def __init__(self, occlusion: Occlusion | None = None, **kwargs: Any) -> None:
        self._lock = threading.RLock()
        self._newest = Newest(self._send_newest, self._lock)
        self._occlusion: Occlusion | None = None
        super().__init__(**kwargs)
        self.on_ack(self._newest.confirm)
        self.on_heard(self._newest.hear)
        if occlusion is not None:
            self.show(occlusion)

    def __repr__(self) -> str:
        return f"OcclusionView({self._occlusion or ''})"

    @validate("cell")
    def _cell_is_there(self, proposal: dict[str, Any]) -> list[int] | None:
        value = proposal["value"]
        if value is None:
            return None
        whole = all(isinstance(n, int) and not isinstance(n, bool) for n in value)
        if len(value) != 2 or not whole or not self._has(value):
            raise TraitError(f"cell must be [row, column] of a patch or None, not {value}")
        return value

    @property
    def occlusion(self) -> Occlusion | None:
        """The experiment that is shown."""
        return self._occlusion

    @property
    def figure(self) -> Figure:
        """What is shown, as a figure; an empty one before the first experiment."""
        return Figure() if self._occlusion is None else self._occlusion.figure()

    def show(self, occlusion: Occlusion | None) -> None:
        """Show another experiment, or none. The cell that is kept stays so, if there still is one."""
        with self._lock:
            self._occlusion = occlusion
            if self.cell is not None and not self._has(self.cell):
                self.cell = None
            self._newest.offer()

    def save_picture(self, path: str | os.PathLike, scale: float = 2.0) -> None:
        """Write the maps to a file, PNG, SVG or PDF by its suffix; ValueError before the first experiment."""
        if self._occlusion is None:
            raise ValueError("there is nothing to save yet")
        super().save_picture(path, scale)

    def _has(self, cell: Sequence[int]) -> bool:
        if self._occlusion is None:
            return True  # it is checked again when there is something
        return all(0 <= n < count for n, count in zip(cell, self._occlusion.activity.shape, strict=True))

    def _send_newest(self, frame: int, _whole: bool) -> None:
        content, buffer = pack_occlusion(self._occlusion)
        self._send_maps({**content, "frame": frame}, buffer)

    def _send_maps(self, content: dict[str, Any], buffer: bytes) -> None:
        self.send({"type": "occlusion", "since": None, **content}, [buffer] if buffer else None)

    def _send_all(self, content: dict[str, Any]) -> None:
        super()._send_all(content)
        with self._lock:
            self._newest.hello(content.get("client"))
            content, buffer = pack_occlusion(self._occlusion)
            self._send_maps({**content, "frame": None}, buffer)

    def close(self) -> None:
        """Close the widget."""
        self._newest.close()
        super().close()


def pack_occlusion(occlusion: Occlusion | None) -> tuple[dict[str, Any], bytes]:
    """An "occlusion" message and its buffer: first the numbers of all cells, 4 bytes each, then the pictures.

    Numbers, row by row: boxes (rows, cols, 4) and classes (rows, cols, top) int32; probabilities (rows, cols, top),
    probability and activity (rows, cols) float32.
    """
    if occlusion is None:
        return {"rows": 0, "cols": 0}, b""
    picture = picture_of(occlusion)
    rows, columns = occlusion.activity.shape
    buffer = bytearray()
    for values, dtype in (
        (occlusion.boxes, torch.int32),
        (occlusion.top_classes, torch.int32),
        (occlusion.top_probabilities, torch.float32),
        (occlusion.probability, torch.float32),
        (occlusion.activity, torch.float32),
    ):
        buffer += values.to(dtype).contiguous().numpy().tobytes()
    tiles = occlusion_tiles(occlusion)
    tiles["filling"] = Tile(picture(occlusion.filling[None])[0])
    name = class_names(occlusion.classes)
    before = occlusion.probabilities_before
    count = occlusion.top_classes.shape[2]
    first = before.topk(count).indices.tolist()
    present = occlusion.top_classes[occlusion.top_classes >= 0].unique().tolist()
    named = sorted({*first, *present, occlusion.target})
    return {
        "rows": rows,
        "cols": columns,
        "top": count,
        "first": first,
        "classes": [[index, name(index), float(before[index])] for index in named],
        "target": occlusion.target,
        "unit": f"{occlusion.layer}\N{NO-BREAK SPACE}/\N{NO-BREAK SPACE}{occlusion.channel}",
        "activity": occlusion.activity_before,
        "activity_text": short(occlusion.activity_before),
        "tiles": {key: _pack(tile, buffer) for key, tile in tiles.items()},
    }, bytes(buffer)

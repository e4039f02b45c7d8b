"""A row of projections for every layer of a network."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import torch
from traitlets import Enum, Int, List, TraitError, Unicode, validate

from ...visualization.figures import Figure
from ..parts._base import MessageError
from ..parts._exporting import ExportingWidget
from ..parts._pages import Pages
from ._packing import pack_layers
from ._panels_figure import panels_figure


class LayerPanels(ExportingWidget):
    """For every layer, the strongest channels projected back to the drawing, one tile each.

    rule: "guided" (default), "deconvnet" or "backprop" (papers: Springenberg 2015; Zeiler & Fergus 2014;
    Simonyan 2014). top: tiles a row, 1..16. crop: "signal" (default), a tile is as much of its unit's receptive field as
    holds what excites it, all tiles of a row at one scale, or "field", all of it. tile: side of a tile on screen in CSS
    pixels, 32..160. These change in the page too; observe them. layers: names of the layers to show, None for those of
    `Network.layers`.

    Raises TypeError for an unknown keyword, TraitError for a value out of range.

    >>> panels = LayerPanels(rule="deconvnet", top=4)
    >>> panels
    LayerPanels(rule='deconvnet', top=4)
    """

    _kind = Unicode("layer_panels").tag(sync=True)
    rule = Enum(("guided", "deconvnet", "backprop"), "guided").tag(sync=True, echo_update=False)
    top = Int(9).tag(sync=True, echo_update=False)
    layers = List(Unicode(), default_value=None, allow_none=True).tag(sync=True, echo_update=False)
    crop = Enum(("signal", "field"), "signal").tag(sync=True, echo_update=False)
    tile = Int(64).tag(sync=True, echo_update=False)

    def __init__(self, **kwargs: Any) -> None:
        self._visible_callbacks: list[Callable[[tuple[str, ...]], None]] = []
        self._pages = Pages()
        self._sights: dict[str | None, tuple[str, ...]] = {}  # the rows in sight, by page
        self._rows: dict[str, Any] | None = None
        self._frames: list[tuple[dict[str, Any], bytes]] = []
        self._paper: tuple[dict[str, Any], bytes] | None = None
        super().__init__(**kwargs)

    def __repr__(self) -> str:
        layers = "" if self.layers is None else f", layers={self.layers!r}"
        return f"LayerPanels(rule={self.rule!r}, top={self.top}{layers})"

    @validate("top")
    def _top_in_range(self, proposal: dict[str, Any]) -> int:
        return _in_range("top", proposal["value"], 1, 16)

    @validate("tile")
    def _tile_in_range(self, proposal: dict[str, Any]) -> int:
        return _in_range("tile", proposal["value"], 32, 160)

    @property
    def figure(self) -> Figure:
        """The drawing and the rows of tiles, as a figure; an empty one before the first stroke."""
        order = [] if self._rows is None else [row["name"] for row in self._rows["rows"]]
        return panels_figure(order, tuple(self._frames), self._paper, self.rule, self.crop)

    # To the front end

    def send_rows(self, rows: Iterable[tuple[str, str]]) -> None:
        """Announce the rows in their order, (name, title) each, before any of them is computed."""
        self._rows = {"type": "rows", "rows": [{"name": name, "title": title} for name, title in rows]}
        self._frames = [f for f in self._frames if _names(f[0]) <= {r["name"] for r in self._rows["rows"]}]
        self.send(self._rows)

    def send_panels(
        self,
        step: int,
        layers: Iterable[tuple[str, str, Any]],
        *,
        frame: int | None,
        rule: str | None = None,
        replace: bool = False,
        done: bool = False,
        since: float | None = None,
        size: int = 225,
    ) -> None:
        """Show layers of step `step` (number of strokes), (name, title, LayerProjection of one image) each.

        `replace` starts a new step: rows that are not in this message fade until theirs comes. `done` ends
        it. The page confirms `frame` once it is painted. `size` is the side of the network's input, in which
        the boxes are given. ValueError for tiles that are neither grey nor RGB.
        """
        headers, buffer = pack_layers(layers)
        content = {
            "type": "panels",
            "frame": frame,
            "step": int(step),
            "rule": rule or self.rule,
            "replace": replace,
            "done": done,
            "since": since,
            "sketch_size": int(size),
            "layers": headers,
        }
        # Kept for a view that appears later: the newest message of each layer.
        kept = [f for f in self._frames if not _names(f[0]) <= _names(content)]
        self._frames = [*kept, (content, buffer)] if headers else kept
        self.send(content, [buffer] if buffer else None)

    def send_paper(self, step: int, image: torch.Tensor) -> None:
        """Give the network's input of that step, (..., S, S) float in 0..1, shown beside an enlarged tile."""
        grey = image.detach().to("cpu", torch.float32).numpy()
        grey = grey.reshape(-1, *grey.shape[-2:]).mean(axis=0)
        data = np.rint(np.clip(np.nan_to_num(grey), 0, 1) * 255).astype(np.uint8)
        self._paper = ({"type": "paper", "step": int(step), "size": int(grey.shape[-1])}, data.tobytes())
        self.send(self._paper[0], [self._paper[1]])

    def send_empty(self) -> None:
        """Take all tiles away: there is no drawing."""
        self._frames, self._paper = [], None
        self.send({"type": "empty"})

    def _send_all(self, content: dict[str, Any]) -> None:
        super()._send_all(content)
        if self._rows is not None:
            self.send(self._rows)
        if self._paper is not None:
            self.send(self._paper[0], [self._paper[1]])
        for panels, buffer in tuple(self._frames):
            self.send(
                {**panels, "frame": None, "since": None, "replace": False}, [buffer] if buffer else None
            )

    # From the front end

    def on_visible(self, callback: Callable[[tuple[str, ...]], None], remove: bool = False) -> None:
        """Call `callback(names)` when other rows come into sight. Any thread: only set an event in it."""
        if not remove:
            self._visible_callbacks.append(callback)
        elif callback in self._visible_callbacks:
            self._visible_callbacks.remove(callback)

    def _on_visible(self, content: dict[str, Any], buffers: Sequence[Any]) -> None:
        names = content.get("layers")
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise MessageError(f"visible needs a list of layer names, not {names!r}")
        client = content.get("client")
        client = client if isinstance(client, str) else None
        self._sights = {
            page: seen for page, seen in self._sights.items() if not self._pages.left_behind(page)
        }
        self._sights[client] = tuple(names)
        for callback in tuple(self._visible_callbacks):
            callback(self.visible)

    @property
    def visible(self) -> tuple[str, ...] | None:
        """Names of the rows that somebody sees, in any page; None where no page has said."""
        sights = [seen for page, seen in tuple(self._sights.items()) if not self._pages.left_behind(page)]
        return tuple(dict.fromkeys(name for seen in sights for name in seen)) if sights else None

    def _hear(self, client: str) -> None:
        self._pages.hear(client)
        super()._hear(client)

    def close(self) -> None:
        """Close the comm and let go of the tiles and the callbacks."""
        self._visible_callbacks.clear()
        self._frames, self._paper = [], None
        super().close()


def _names(content: dict[str, Any]) -> set[str]:
    return {layer["name"] for layer in content["layers"]}


def _in_range(name: str, value: int, low: int, high: int) -> int:
    if not low <= value <= high:
        raise TraitError(f"{name} must be between {low} and {high}, not {value}")
    return value

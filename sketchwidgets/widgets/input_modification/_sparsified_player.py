"""A sparsified drawing, with a slider along which its strokes go."""

import os
from typing import Any

import ipywidgets

from ...visualization import Figure, Sparsified
from ...visualization.input_modification._sparsified_figure import curve_chart, left_tile, shown_counts
from ..parts.tile_grid import TileGrid

_PAUSE = 450  # milliseconds between two strokes that go, as between two that come on a board
_LEFT, _CURVE = 1, 2  # tiles of the first section
_SIDE = 224


class SparsifiedPlayer(ipywidgets.VBox):
    """Plays how the strokes of a drawing go, until only those are left that are needed, and on to the last.

    A click on one of the small drawings goes there. It starts at the fewest that are enough.

    result : a `Sparsified`.
    """

    def __init__(self, result: Sparsified) -> None:
        self.result = result
        self._counts = shown_counts(result)
        end = len(self._counts) - 1
        start = self._counts.index(len(result.kept)) if result.kept else 0
        self._slider = ipywidgets.IntSlider(
            value=start, min=0, max=end, readout=False, layout=ipywidgets.Layout(width="240px")
        )
        self._play = ipywidgets.Play(value=start, min=0, max=end, interval=_PAUSE, show_repeat=False)
        ipywidgets.jslink((self._play, "value"), (self._slider, "value"))
        self._slider.observe(self._show, "value")
        self._text = ipywidgets.Label()
        self.view = TileGrid(result.figure(_SIDE))
        self.view.on_click(self._go)
        row = ipywidgets.Layout(flex_flow="row wrap", overflow="visible")
        super().__init__([ipywidgets.HBox([self._play, self._slider, self._text], layout=row), self.view])
        row.display = "" if end else "none"
        self.add_class("skw-player")
        self._show()

    def __repr__(self) -> str:
        return f"SparsifiedPlayer({self.result!r})"

    @property
    def left(self) -> int:
        """Strokes left, of those that are shown."""
        return self._counts[self._slider.value]

    @left.setter
    def left(self, count: int) -> None:
        if count not in self._counts:
            raise ValueError(f"left must be one of {', '.join(map(str, self._counts))}, not {count}")
        self._slider.value = self._counts.index(count)

    @property
    def figure(self) -> Figure:
        """What is shown."""
        return self.view.figure

    def save_picture(self, path: str | os.PathLike, scale: float = 2.0) -> None:
        """Write what is shown to a file, PNG, SVG or PDF by its suffix."""
        self.figure.save(path, scale)

    def close(self) -> None:
        """Close the player and its parts."""
        for widget in (self._play, self._slider, self._text, self.children[0], self.view):
            widget.close()
        super().close()

    def _go(self, section: int, tile: int) -> None:
        if section == 1:
            self._slider.value = tile

    def _show(self, _change: Any = None) -> None:
        result, count = self.result, self.left
        self._text.value = f"{count} of {len(result.drawing)} strokes left"
        shown = left_tile(result, result.left(count), side=_SIDE)
        first = self.view.figure.sections[0].tiles
        # Where nothing is enough, there is no drawing of it beside the whole one.
        places = (_LEFT, _CURVE) if len(first) > _CURVE else (0, 1)
        chart = curve_chart(result, first[places[1]].size, at=count)
        self.view.update_tiles(0, dict(zip(places, (shown, chart), strict=True)))

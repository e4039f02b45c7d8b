"""A finished reconstruction, with a slider back to its start."""

import os
from typing import Any

import ipywidgets

from ...visualization import Figure, Reconstruction, Section, Tile
from ..parts.tile_grid import TileGrid

_PAUSE = 350  # milliseconds between two previews


class ReconstructionPlayer(ipywidgets.VBox):
    """Plays how the images of a reconstruction came about; at the end of the slider, the finished ones.

    result : a `Reconstruction`.
    """

    def __init__(self, result: Reconstruction) -> None:
        self.result = result
        end = len(result.preview_steps)
        self._slider = ipywidgets.IntSlider(
            value=end, min=0, max=end, readout=False, layout=ipywidgets.Layout(width="240px")
        )
        self._play = ipywidgets.Play(value=end, min=0, max=end, interval=_PAUSE, show_repeat=False)
        ipywidgets.jslink((self._play, "value"), (self._slider, "value"))
        self._slider.observe(self._show, "value")
        self.view = TileGrid(result.figure())
        super().__init__([ipywidgets.HBox([self._play, self._slider]), self.view])
        self.children[0].layout.display = "" if end else "none"
        self.add_class("skw-player")

    def __repr__(self) -> str:
        return f"ReconstructionPlayer({self.result!r})"

    @property
    def figure(self) -> Figure:
        """What is shown."""
        return self.view.figure

    def save_picture(self, path: str | os.PathLike, scale: float = 2.0) -> None:
        """Write what is shown to a file, PNG, SVG or PDF by its suffix."""
        self.figure.save(path, scale)

    def close(self) -> None:
        """Close the player and its parts."""
        for widget in (self._play, self._slider, self.children[0], self.view):
            widget.close()
        super().close()

    def _show(self, _change: Any = None) -> None:
        result, place = self.result, self._slider.value
        figure = result.figure()
        if place < len(result.preview_steps):
            step = result.preview_steps[place]
            pictures = result.space.pictures(result.previews[place])
            tiles = [Tile(pixels, result.names[i], smooth=True) for i, pixels in enumerate(pictures)]
            if result.target_picture is not None:
                tiles.insert(0, figure.sections[0].tiles[0])
            first = figure.sections[0]
            shown = Section(first.title, tiles, f"step {step} of {result.steps}", side=first.side)
            figure = Figure(figure.title, [shown, *figure.sections[1:]])
        self.view.show(figure)

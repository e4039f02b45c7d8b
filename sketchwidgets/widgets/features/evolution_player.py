"""A player of a feature evolution: what excites each channel, epoch after epoch."""

import os
import threading
from typing import Any

import ipywidgets
from traitlets import Bool, Int, TraitError, Unicode, link, validate

from ...visualization import FeatureEvolution, Figure, Section, Tile
from ..parts._controls import checkbox, dropdown
from ..parts.tile_grid import TileGrid

_ALL = "all layers"
_PAUSE = 900  # milliseconds between two epochs


class EvolutionPlayer(ipywidgets.VBox):
    """Plays how what excites the channels of a network changes while it learns.

    A row of tiles a layer, a tile a channel, at one epoch; the slider and the play button go through the epochs. With
    `columns`, all epochs at once as in Zeiler & Fergus 2014, figure 4: a row a channel, a column an epoch. "new"
    says that another image than at the epoch before excites the channel most.

    Parameters
    ----------
    evolution : what `sw.evolution` returned, or the folder it was saved to.
    layer : a layer, or "all layers".
    epoch : number of the epoch shown first, from 0: its place in `evolution.epochs`; None for the last.
    columns : whether all epochs are shown at once.
    patches : whether the images are shown in place of the projections.
    enhance : whether the contrast is stretched, as in the paper.

    All but the evolution are traits: change them in the page or in code, and observe them. `save_picture` writes what is
    shown. Raises TypeError for what is no evolution, TraitError for values out of range.

    >>> nets = [torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5), torch.nn.ReLU()).eval() for _ in range(3)]
    >>> found = sw.evolution(nets, nets[0], torch.rand(8, 1, 16, 16), progress=False)
    >>> player = sw.EvolutionPlayer(found, columns=True)
    >>> len(player.figure.sections[0].tiles)
    12
    >>> player.close()
    """

    view: TileGrid | None = None  # none yet in one whose constructor has failed
    layer = Unicode(_ALL)
    epoch = Int(0)
    columns = Bool(False)
    patches = Bool(False)
    enhance = Bool(True)

    def __init__(
        self,
        evolution: FeatureEvolution | str | os.PathLike,
        *,
        layer: str = _ALL,
        epoch: int | None = None,
        columns: bool = False,
        patches: bool = False,
        enhance: bool = True,
    ) -> None:
        if isinstance(evolution, str | os.PathLike):
            evolution = FeatureEvolution.open(evolution)
        if not isinstance(evolution, FeatureEvolution):
            raise TypeError(
                f"evolution must be a FeatureEvolution or its folder, not {type(evolution).__name__}"
            )
        self.evolution = evolution
        self._tiles: dict[tuple[str, int, int, bool, bool], Tile] = {}
        self._lock = threading.RLock()
        self.layer, self.columns = layer, columns
        self.epoch = len(evolution.epochs) - 1 if epoch is None else epoch
        self.patches, self.enhance = patches, enhance
        self.view = TileGrid()
        super().__init__([self._make_controls(), self.view])
        self.add_class("skw-explorer")
        self.observe(self._show, ["layer", "epoch", "columns", "patches", "enhance"])
        self._show()

    def __repr__(self) -> str:
        return f"EvolutionPlayer({self.evolution!r}, epoch {self.evolution.epochs[self.epoch]:g})"

    @validate("layer")
    def _layer_is_there(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in (_ALL, *self.evolution):
            raise TraitError(f"layer must be {_ALL!r} or one of {', '.join(self.evolution)}")
        return proposal["value"]

    @validate("epoch")
    def _epoch_is_there(self, proposal: dict[str, Any]) -> int:
        if not 0 <= proposal["value"] < len(self.evolution.epochs):
            raise TraitError(
                f"epoch must be a place from 0 to {len(self.evolution.epochs) - 1}, not {proposal['value']}"
            )
        return proposal["value"]

    def show(self, evolution: FeatureEvolution) -> None:
        """Show another evolution of the same layers, such as the same one after more epochs of a training. Any thread.

        A player that is at its last epoch goes on to the new one's. Raises TypeError for what is no evolution,
        ValueError for one of other layers.
        """
        if not isinstance(evolution, FeatureEvolution):
            raise TypeError(f"evolution must be a FeatureEvolution, not {type(evolution).__name__}")
        if list(evolution) != list(self.evolution):
            raise ValueError(
                f"evolution must be of the layers {', '.join(self.evolution)}, not {', '.join(evolution)}"
            )
        with self._lock:
            at_end = self.epoch == len(self.evolution.epochs) - 1
            last = len(evolution.epochs) - 1
            # The shorter range first, so that no control is ever beyond what there is.
            if last < self._slider.max:
                self.epoch = min(self.epoch, last)
            self.evolution = evolution
            self._tiles.clear()
            self._play.max = self._slider.max = last
            if at_end:
                self.epoch = last
        self._show()

    @property
    def figure(self) -> Figure:
        """What is shown."""
        return self.view.figure

    def save_picture(self, path: str | os.PathLike, scale: float = 2.0) -> None:
        """Write what is shown to a file, PNG, SVG or PDF by its suffix."""
        self.figure.save(path, scale)

    def close(self) -> None:
        """Close the player and its parts."""
        if self.view is not None:
            self.view.close()
        super().close()

    def _show(self, _change: Any = None) -> None:
        with self._lock:  # comm messages may come on several threads; the newest state is shown last
            epochs = self.evolution.epochs
            self._label.value = f"epoch <b>{epochs[self.epoch]:g}</b> of {epochs[-1]:g}"
            for control in (self._play, self._slider, self._label):
                control.layout.display = "none" if self.columns else ""
            names = list(self.evolution) if self.layer == _ALL else [self.layer]
            if self.columns:
                self.view.show(self.evolution.figure(names, patches=self.patches, enhance=self.enhance))
                return
            sections = [self._section(name) for name in names]
            self.view.show(Figure(f"Feature evolution · epoch {epochs[self.epoch]:g}", sections))

    def _section(self, name: str) -> Section:
        units = self.evolution[name]
        tiles = [self._tile(name, channel) for channel in units.channels.tolist()]
        what = "images" if self.patches else self.evolution.rule
        changed = int(self.evolution.changed(name)[:, self.epoch].sum())
        caption = f"a new image excites {changed} of {len(units)} channels most" if self.epoch else ""
        return Section(f"{name} · {what}", tiles, caption)

    def _tile(self, name: str, channel: int) -> Tile:
        key = (name, channel, self.epoch, self.patches, self.enhance)
        if key not in self._tiles:
            made = self.evolution.tile(name, channel, self.epoch, patches=self.patches, enhance=self.enhance)
            self._tiles[key] = Tile(
                made.pixels,
                f"{channel} · {made.caption}",
                made.description,
                made.label,
                smooth=made.smooth,
                facts=made.facts,
                background=made.background,
            )
        return self._tiles[key]

    def _make_controls(self) -> ipywidgets.HBox:
        last = len(self.evolution.epochs) - 1
        self._play = ipywidgets.Play(min=0, max=last, interval=_PAUSE, value=self.epoch)
        self._slider = ipywidgets.IntSlider(
            min=0, max=last, value=self.epoch, readout=False, layout=ipywidgets.Layout(width="160px")
        )
        ipywidgets.jslink((self._play, "value"), (self._slider, "value"))
        self._label = ipywidgets.HTML(layout=ipywidgets.Layout(margin="0 14px 0 4px", min_width="110px"))
        layer = dropdown("Layer", [_ALL, *self.evolution])
        columns, patches, enhance = (
            checkbox("all epochs as columns"),
            checkbox("images"),
            checkbox("enhance contrast"),
        )
        for name, control in (
            ("layer", layer),
            ("epoch", self._slider),
            ("columns", columns),
            ("patches", patches),
            ("enhance", enhance),
        ):
            link((self, name), (control, "value"))
        row = ipywidgets.HBox(
            [self._play, self._slider, self._label, layer, columns, patches, enhance],
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="center", overflow="visible"),
        )
        row.add_class("skw-explorer-controls")
        return row

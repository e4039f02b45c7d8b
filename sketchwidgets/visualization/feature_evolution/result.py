"""What `sw.evolution` returns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..feature_atlas import AtlasError
from ..feature_atlas._folder import open_folder, save_folder
from ..feature_atlas._gallery import Gallery
from ..feature_atlas.tiles import patch_tile, projection_tile
from ..figures import Figure, Section, Tile

_ENHANCED = 0.98  # the share of the values that keep within the range where contrast is enhanced


class FeatureEvolution(Gallery):
    """Some channels of some layers over the epochs of a training: layer name -> `LayerUnits`, one place an epoch.

    epochs : the epochs, ascending. `evolution[layer].images[row, k]` is the image that excites the channel of that
    row most at epochs[k].
    """

    kind = "feature_evolution"

    def __init__(self, layers: Any, *, epochs: Sequence[int | float], **arguments: Any) -> None:
        super().__init__(layers, **arguments)
        self.epochs = tuple(epochs)
        for name, units in self.items():
            if units.images.shape[1] != len(self.epochs):
                raise AtlasError(
                    f"layer {name!r} has {units.images.shape[1]} places for {len(self.epochs)} epochs"
                )

    def changed(self, layer: str) -> Tensor:
        """(channels, epochs) bool: another image than at the epoch before excites the channel most.

        Nothing excites a dead channel, so that no image counts as new for it.
        """
        units = self[layer]
        changed = torch.zeros(units.images.shape, dtype=torch.bool)
        changed[:, 1:] = units.images[:, 1:] != units.images[:, :-1]
        return changed & (units.activations > 0)

    def save(self, folder: str | Path) -> None:
        """Write to a folder, made if absent, that `FeatureEvolution.open` reads without the data and networks."""
        save_folder(self, folder, {"epochs": list(self.epochs)})

    @classmethod
    def open(cls, folder: str | Path) -> "FeatureEvolution":
        """An evolution that `save` wrote. Raises FileNotFoundError, or AtlasError naming what is wrong."""
        layers, arguments, header = open_folder(folder, cls.kind)
        epochs = header.get("epochs")
        fine = isinstance(epochs, list) and all(type(e) in (int, float) and 0 <= e < 1e9 for e in epochs)
        if not fine or epochs != sorted(set(epochs)):
            raise AtlasError(f"{folder}: the epochs are {epochs!r}, not ascending numbers")
        return cls(layers, epochs=epochs, **arguments)

    def tile(
        self, layer: str, channel: int, place: int, *, patches: bool = False, enhance: bool = True
    ) -> Tile:
        """One cell: a channel at epochs[place], its projection or the patch of the image.

        enhance : stretch the contrast, as the paper does: all but the strongest two percent of the values.
        """
        units = self[layer]
        row = units.row(channel)
        changed = bool(self.changed(layer)[row, place])
        caption = f"{float(units.activations[row, place]):.3g}" + (" · new" if changed else "")
        if patches:
            made = patch_tile(self, units, row, place, units.stored_patch(row, place))
        else:
            values = units.stored_projection(row, place)
            made = projection_tile(self, units, row, place, values)
            if enhance and values is not None:
                scale = float(values.abs().flatten().quantile(_ENHANCED)) or float(values.abs().max())
                made = Tile.signed(values, scale=scale, description=made.description, facts=made.facts)
        facts = (("Epoch", f"{self.epochs[place]:g}"), *made.facts)
        description = f"Epoch {self.epochs[place]:g}. {made.description}"
        if changed:
            description += ". Another image than at the epoch before"
        return Tile(
            made.pixels,
            caption,
            description,
            made.label,
            smooth=made.smooth,
            facts=facts,
            background=made.background,
        )

    def figure(
        self, layers: str | Sequence[str] | None = None, *, patches: bool = False, enhance: bool = True
    ) -> Figure:
        """Zeiler & Fergus 2014, figure 4: a block a layer, a row a channel, a column an epoch.

        patches : show the images in place of the projections. enhance : stretch the contrast, as the paper does.
        """
        names = list(self) if layers is None else [layers] if isinstance(layers, str) else list(layers)
        sections = []
        epochs = ", ".join(f"{epoch:g}" for epoch in self.epochs)
        for name in names:
            units = self[name]
            tiles = [
                self.tile(name, channel, place, patches=patches, enhance=enhance)
                for channel in units.channels.tolist()
                for place in range(len(self.epochs))
            ]
            shown = ", ".join(map(str, units.channels.tolist()))
            caption = (
                f"Epochs {epochs} from left to right; channels {shown} from top to bottom. new: another image than "
                "at the epoch before"
            )
            what = "the images" if patches else self.rule
            sections.append(Section(f"{name} · {what}", tiles, caption, columns=len(self.epochs), side=72))
        return Figure("Feature evolution", sections)

    def _repr_html_(self) -> str:
        return self.figure().to_html()

    def __repr__(self) -> str:
        layers = ", ".join(f"{name} {len(units)}" for name, units in self.items())
        return f"{type(self).__name__}(epochs {', '.join(f'{e:g}' for e in self.epochs)}; {layers})"

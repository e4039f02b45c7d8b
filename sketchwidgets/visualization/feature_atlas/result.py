"""What `sw.atlas` returns."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sketchwidgets import models
from sketchwidgets.recognition._recognizer import DEFAULT

from ..figures import Figure, Section
from ._errors import AtlasError
from ._folder import open_folder, save_folder
from ._gallery import Gallery
from .tiles import patch_tile, projection_tile

_BUNDLED = Path(models.__file__).parent / "atlases"
_MOST_CHANNELS = 24  # in a figure of a layer, where the caller names none


class FeatureAtlas(Gallery):
    """The images that excite each channel of some layers most: layer name -> `LayerUnits`, strongest image first.

    >>> atlas = sw.FeatureAtlas.bundled("sketch-a-net-quickdraw345")
    >>> atlas["relu5"].channels.shape, atlas["relu5"].size
    (torch.Size([256]), (129, 129))
    >>> atlas.patches("relu5", 17)[0].shape
    (129, 129)
    >>> recognizer = sw.Recognizer.load("sketch-a-net-quickdraw345")
    >>> atlas.project(recognizer, "relu2", 17, rule="guided").images.shape
    torch.Size([9, 1, 1, 225, 225])
    """

    kind = "feature_atlas"
    recognizer: str | None = None
    """Of a bundled atlas the recogniser that it is of, as `Recognizer.load` takes it."""

    @classmethod
    def bundled(cls, name: str | None = None) -> "FeatureAtlas":
        """The atlas of a bundled recogniser, over drawings of Google's Quick, Draw! (CC BY 4.0).

        `name` is that of `Recognizer.load`, None for the default. Raises FileNotFoundError where it has none.
        """
        name = DEFAULT if name is None else name
        path = _BUNDLED / name
        if not path.is_dir():
            known = sorted(p.name for p in _BUNDLED.glob("*") if p.is_dir())
            raise FileNotFoundError(
                f"no atlas called {name!r} is bundled (there are: {', '.join(known) or 'none'}); "
                "make one with `sketchwidgets atlas`"
            )
        opened = cls.open(path)
        opened.recognizer = name
        return opened

    @classmethod
    def open(cls, folder: str | Path) -> "FeatureAtlas":
        """An atlas that `save` wrote. Pictures are read from the folder when they are looked at.

        Raises FileNotFoundError, or AtlasError naming the file and what is wrong in it.
        """
        layers, arguments, _ = open_folder(folder, cls.kind)
        return cls(layers, **arguments)

    def save(self, folder: str | Path) -> None:
        """Write to a folder, made if absent: `atlas.json` and `atlas.safetensors`.

        >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5), torch.nn.ReLU()).eval()
        >>> sw.atlas(net, torch.rand(20, 1, 16, 16), progress=False).save("small-atlas")
        >>> sw.FeatureAtlas.open("small-atlas")
        FeatureAtlas(1 4)
        """
        save_folder(self, folder, {})

    def live(self, layer: str) -> list[int]:
        """The channels of a layer that some image excites."""
        units = self[layer]
        return units.channels[~units.dead].tolist()

    def find(self, text: str, layer: str | None = None) -> list[tuple[str, int]]:
        """Channels by their number, by "dead", or by a class of which at least two of their images are.

        (layer, channel) each; those with more images of the class come first.

        >>> sw.FeatureAtlas.bundled("sketch-a-net-quickdraw345").find("17", "relu3")
        [('relu3', 17)]
        """
        text = text.strip().lower()
        layers = list(self) if layer is None else [self[layer].name]
        if not text:
            return [(name, channel) for name in layers for channel in self[name].channels.tolist()]
        if text.isdigit():
            number = int(text)
            return [(name, number) for name in layers if number in self[name]._rows]
        if text == "dead":
            return [(n, c) for n in layers for c in self[n].channels[self[n].dead].tolist()]
        wanted = [i for i in set(self.labels.values()) if text in self._class_name(i).lower()]
        having = np.array([image for image, label in self.labels.items() if label in wanted], np.int64)
        found = []
        for name in layers:
            units = self[name]
            live = units.activations.numpy() > 0
            counts = (np.isin(units.images.numpy(), having) & live).sum(1)
            least = min(2, units.images.shape[1])
            found += [
                (-count, name, c)
                for count, c in zip(counts, units.channels.tolist(), strict=True)
                if count >= least
            ]
        found.sort(key=lambda each: each[0])
        return [(name, channel) for _, name, channel in found]

    def _class_name(self, label: int) -> str:
        known = self.classes is not None and 0 <= label < len(self.classes)
        return self.classes[label] if known else f"class {label}"

    def channel_figure(self, layer: str, channel: int, model: Any = None, rule: str | None = None) -> Figure:
        """One channel: its projections beside its patches, nine of each as in Zeiler & Fergus 2014, figure 2."""
        units = self[layer]
        row = units.row(channel)
        title = f"{layer} · channel {int(channel)}"
        sections = []
        if self._drawings is None or model is not None:
            shown = self.projections(layer, channel, model, rule)
            tiles = [projection_tile(self, units, row, k, values) for k, values in enumerate(shown)]
            sections.append(Section(f"Projected · {rule or self.rule}", tiles, columns=_columns(len(tiles))))
        patches = self.patches(layer, channel)
        tiles = [patch_tile(self, units, row, k, pixels) for k, pixels in enumerate(patches)]
        sections.append(Section("What the unit sees", tiles, columns=_columns(len(tiles))))
        if bool(units.dead[row]):
            title += " · dead: no image excites it"
        return Figure(title, sections)

    def figure(
        self,
        layer: str | None = None,
        channels: Sequence[int] | None = None,
        model: Any = None,
        rule: str | None = None,
    ) -> Figure:
        """The strongest image of each of several channels, layer by layer.

        layer : one layer; None: all. channels : of that layer; None: the first live ones.
        model : with it, or where projections are stored, projections are shown above the patches.
        """
        if channels is not None and layer is None:
            raise AtlasError("channels need a layer")
        sections = []
        for name in self if layer is None else [layer]:
            units = self[name]
            most = _MOST_CHANNELS if layer is not None else 12
            chosen = self.live(name)[:most] if channels is None else [int(c) for c in channels]
            rows = [units.row(c) for c in chosen]
            dead = int(units.dead.sum())
            caption = f"{len(units)} channels" + (f", {dead} dead" if dead else "")
            if units._projections is not None or model is not None:
                values = self.strongest_projections(name, chosen, 0, model, rule)
                tiles = [
                    projection_tile(self, units, r, 0, v, by_channel=True)
                    for r, v in zip(rows, values, strict=True)
                ]
                sections.append(Section(f"{name} · projected, {rule or self.rule}", tiles, caption))
            patches = self.strongest_patches(name, chosen)
            tiles = [
                patch_tile(self, units, r, 0, p, by_channel=True) for r, p in zip(rows, patches, strict=True)
            ]
            sections.append(Section(f"{name} · what the unit sees", tiles, caption))
        return Figure("Atlas", sections)

    def _repr_html_(self) -> str:
        return self.figure().to_html()


def _columns(count: int) -> int | None:
    return 3 if count == 9 else None

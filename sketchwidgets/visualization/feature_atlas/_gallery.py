"""What atlases and evolutions have in common: units, their images, patches and projections."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sketchwidgets.models import fingerprint

from .._by_layer import ByLayer
from ..projection import LayerProjection
from ..projection._project import _record
from ._drawings import DrawingStore
from ._errors import AtlasError
from ._pictures import OUTSIDE, window
from ._subject import module_of
from ._units import LayerUnits


class Gallery(ByLayer[LayerUnits]):
    """Layer name -> `LayerUnits`, in the order of the forward pass, and what is known of the images.

    rule : by which the projections were made, or are made by default.
    image_shape : (C, H, W) of the images as the network takes them.
    classes : names of the classes, or None. labels : image number -> class number, of the winning images.
    names : image number -> name (a file, an id), of the winning images, where they were given.
    facts : what else is known of the data, JSON values: title, credit, licence, ...
    network : a fingerprint of the weights that were looked into, or None; see `is_of`.
    """

    kind = ""

    def __init__(
        self,
        layers: Mapping[str, LayerUnits],
        *,
        rule: str,
        image_shape: tuple[int, int, int],
        classes: Sequence[str] | None = None,
        labels: Mapping[int, int] | None = None,
        names: Mapping[int, str] | None = None,
        drawings: DrawingStore | None = None,
        facts: Mapping[str, Any] | None = None,
        network: str | None = None,
    ) -> None:
        super().__init__(layers)
        self.network = network
        self.rule = rule
        self.image_shape = image_shape
        self.classes = None if classes is None else tuple(classes)
        self.labels = dict(labels or {})
        self.names = dict(names or {})
        self.facts = dict(facts or {})
        self._drawings = drawings

    # Looking things up

    def class_of(self, image: int) -> str | None:
        """The class of a winning image by its number; None where it is not known."""
        label = self.labels.get(int(image))
        if label is None:
            return None
        known = self.classes is not None and 0 <= label < len(self.classes)
        return self.classes[label] if known else f"class {label}"

    def is_of(self, model: Any) -> bool:
        """Whether this was made of a network with the same layers and the same weights."""
        return self.network is not None and self.network == fingerprint(module_of(model))

    @property
    def has_drawings(self) -> bool:
        """Whether strokes are stored, and projections are made when they are asked for."""
        return self._drawings is not None

    @property
    def has_projections(self) -> bool:
        """Whether projections are stored."""
        return any(units._projections is not None for units in self.values())

    def drawing(self, image: int) -> list[np.ndarray]:
        """The strokes of a winning drawing by its number, (n, 2) each; AtlasError where none are stored."""
        if self._drawings is None:
            raise AtlasError("this atlas holds pictures, not drawings")
        return self._drawings.strokes(image)

    def image(self, image: int) -> Tensor:
        """A winning drawing as the network takes it, (1, C, H, W) in 0..1; AtlasError where none are stored."""
        return self._images([image])

    def _images(self, images: Sequence[int]) -> Tensor:
        if self._drawings is None:
            raise AtlasError(
                "this atlas holds patches and projections and not the whole images, which projecting again needs"
            )
        return self._drawings.images(images).expand(-1, self.image_shape[0], -1, -1)

    # Pictures

    def patches(self, layer: str, channel: int) -> list[np.ndarray | None]:
        """What the unit of each place of a channel sees: uint8 pictures (h, w) or (h, w, 3), all of one size.

        Beyond the border of the image they are grey. None where there is no image.
        """
        units = self[layer]
        row = units.row(channel)
        images = units.images[row].tolist()
        if self._drawings is None:
            return [units.stored_patch(row, place) for place in range(len(images))]
        return self._cut(units, [(row, place) for place in range(len(images))])

    def strongest_patches(
        self, layer: str, channels: Sequence[int], place: int = 0
    ) -> list[np.ndarray | None]:
        """The patch of one place for each of several channels, as `patches`."""
        units = self[layer]
        rows = [units.row(channel) for channel in channels]
        if self._drawings is None:
            return [units.stored_patch(row, place) for row in rows]
        return self._cut(units, [(row, place) for row in rows])

    def _cut(self, units: LayerUnits, wanted: Sequence[tuple[int, int]]) -> list[np.ndarray | None]:
        images = [int(units.images[at]) for at in wanted]
        there = sorted({image for image in images if image >= 0})
        drawn = dict(zip(there, self._drawings.pictures(there), strict=True)) if there else {}
        return [
            window(drawn[image], units.corners[at].tolist(), units.size, OUTSIDE) if image >= 0 else None
            for image, at in zip(images, wanted, strict=True)
        ]

    def projections(
        self, layer: str, channel: int, model: Any = None, rule: str | None = None
    ) -> list[Tensor | None]:
        """The projection of the unit of each place of a channel: (C, h, w) signed, on the window of its patch.

        model : the network to project with, where the atlas stores drawings (`project`); stored projections need
            none, and are under the atlas's own rule. None in the list: a dead unit, or no image.

        Raises AtlasError where projections are neither stored nor can be made.
        """
        units = self[layer]
        row = units.row(channel)
        places = range(units.images.shape[1])
        if units._projections is not None and (model is None or self._drawings is None):
            if rule not in (None, self.rule):
                raise AtlasError(
                    f"the projections of this atlas are stored under {self.rule!r}, not {rule!r}"
                )
            return [units.stored_projection(row, place) for place in places]
        if self._drawings is None:
            raise AtlasError(f"no projections of layer {layer!r} are stored")
        if model is None:
            raise AtlasError("this atlas stores drawings: give the model that projects them")
        return self._project_places(units, [(row, place) for place in places], model, rule)

    def strongest_projections(
        self, layer: str, channels: Sequence[int], place: int = 0, model: Any = None, rule: str | None = None
    ) -> list[Tensor | None]:
        """The projection of one place for each of several channels, as `projections`."""
        units = self[layer]
        rows = [units.row(channel) for channel in channels]
        if self._drawings is not None and model is not None:
            return self._project_places(units, [(row, place) for row in rows], model, rule)
        return [self.projections(layer, channel, model, rule)[place] for channel in channels]

    def project(self, model: Any, layer: str, channel: int, rule: str | None = None) -> LayerProjection:
        """Project a channel of a network from each of the images that this atlas has for it.

        model : a module, `sw.Network` or `sw.Recognizer` in eval mode that has the layer, not necessarily the one
            that the atlas was made of; its own maximum on the image is projected.
        rule : "deconvnet", "guided" or "backprop"; None: the atlas's own.

        Returns a LayerProjection of (number of images, 1) units. Raises AtlasError for an atlas without drawings.
        """
        units = self[layer]
        row = units.row(channel)
        images = [image for image in units.images[row].tolist() if image >= 0]
        return self._project_images(images, [int(channel)] * len(images), layer, model, rule)

    def _project_images(
        self, images: Sequence[int], channels: Sequence[int], layer: str, model: Any, rule: str | None
    ) -> LayerProjection:
        module = module_of(model)
        first = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
        inputs = self._images(images).to(first.device, first.dtype)
        numbers = torch.tensor(channels, device=first.device)[:, None]
        recording = _record(module, inputs, [layer], None, stop_early=True)
        return recording.project(layer, rule=rule or self.rule, channels=numbers)

    def _project_places(
        self, units: LayerUnits, wanted: Sequence[tuple[int, int]], model: Any, rule: str | None
    ) -> list[Tensor | None]:
        results: list[Tensor | None] = [None] * len(wanted)
        alive = [i for i, at in enumerate(wanted) if units.images[at] >= 0 and units.activations[at] > 0]
        if not alive:
            return results
        images = [int(units.images[wanted[i]]) for i in alive]
        channels = [int(units.channels[wanted[i][0]]) for i in alive]
        found = self._project_images(images, channels, units.name, model, rule)
        for k, i in enumerate(alive):
            if bool(found.dead[k, 0]):
                continue
            whole = found.images[k, 0].float().cpu().numpy().transpose(1, 2, 0)
            cut = window(whole, units.corners[wanted[i]].tolist(), units.size, 0)
            results[i] = torch.from_numpy(np.ascontiguousarray(cut.transpose(2, 0, 1)))
        return results

    def __repr__(self) -> str:
        layers = ", ".join(f"{name} {len(units)}" for name, units in self.items())
        return f"{type(self).__name__}({layers})"

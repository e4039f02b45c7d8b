"""The atlas of a recogniser over drawings, as the bundled one was made."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sketchwidgets.recognition import Recognizer
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.visualization import AtlasProgress, FeatureAtlas, Network, SketchImages, atlas

QUICKDRAW = {
    "title": "The Quick, Draw! Dataset, simplified drawings",
    "credit": "Quick, Draw! by Google, https://github.com/googlecreativelab/quickdraw-dataset",
    "license": "CC BY 4.0, https://creativecommons.org/licenses/by/4.0/",
    "changes": "a subset of the drawings; coordinates as published",
}


class _Chosen(Sequence):
    """Some drawings of a set, as lists of strokes, unpacked when asked for."""

    def __init__(self, drawings: DrawingSet, indices: np.ndarray) -> None:
        self._drawings, self._indices = drawings, indices

    def __len__(self) -> int:
        return len(self._indices)

    def __getitem__(self, i: int) -> list[np.ndarray]:
        return self._drawings.strokes(int(self._indices[i]))


def make_atlas(
    data: str | Path,
    folder: str | Path,
    recognizer: Recognizer | None = None,
    layers: Sequence[str] | None = None,
    *,
    part: str = "held-out",
    limit: int | None = None,
    top: int = 9,
    rule: str = "deconvnet",
    facts: dict[str, Any] | None = None,
    progress: bool = True,
    callback: Callable[[AtlasProgress], bool | None] | None = None,
) -> FeatureAtlas:
    """Find, for each channel of a recogniser's CNN, the drawings that excite it most, and write them to a folder.

    data : an .npz of drawings, as for training. folder : made if absent; holds the checkpoint until it is done.
    recognizer : None for the bundled one. layers : of its CNN; None: every activation after a convolution. The atlas of
        the bundled Sketch-a-Net has relu1 to relu7, two of them fully connected layers.
    part : "held-out" drawings (key_id divisible by 25), "training" ones, or "all". limit : only the first so many.
    facts : what the atlas says of its data; None: that it is Google's Quick, Draw!, CC BY 4.0.

    Cut off, it goes on where it stopped. Raises ValueError and FileNotFoundError as `DrawingSet.load`, and AtlasError.
    """
    recognizer = recognizer or Recognizer.load()
    drawings = DrawingSet.load(data)
    if len(drawings.classes) != len(recognizer.classes):
        raise ValueError(
            f"{data} has {len(drawings.classes)} classes, the recogniser {len(recognizer.classes)}"
        )
    train, held_out = drawings.split()
    parts = {"held-out": held_out, "training": train, "all": np.arange(len(drawings))}
    if part not in parts:
        raise ValueError(f"part must be one of {', '.join(map(repr, parts))}, not {part!r}")
    chosen = parts[part][:limit]
    if not len(chosen):
        raise ValueError(f"{data} has no {part} drawings")
    layers = Network.of(recognizer).layers(every=True) if layers is None else layers
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    checkpoint = folder / "checkpoint.safetensors"
    images = SketchImages(
        _Chosen(drawings, chosen),
        drawings.label[chosen].astype(np.int64),
        **recognizer.preprocessing.to_dict(),
    )
    made = atlas(
        recognizer,
        images,
        layers,
        top,
        rule,
        checkpoint=checkpoint,
        classes=drawings.classes,
        names=lambda i: str(drawings.key_id[chosen[i]]),
        facts={**(QUICKDRAW if facts is None else facts), "part": part},
        progress=progress,
        callback=callback,
    )
    made.save(folder)
    (folder / "README.md").write_text(describe(made, folder.name), encoding="utf-8")
    checkpoint.unlink(missing_ok=True)
    return made


def describe(made: FeatureAtlas, name: str) -> str:
    """The README of an atlas of drawings."""
    facts = made.facts
    rows = [
        f"| {layer} | {len(units)} | {int(units.dead.sum())} | {units.size[0]} x {units.size[1]} |"
        for layer, units in made.items()
    ]
    units = next(iter(made.values()))
    return "\n".join(
        [
            f"# Atlas {name}",
            "",
            f"For every channel of the recogniser's CNN the {units.images.shape[1]} drawings that excite it most, "
            "one maximum a drawing, and where on it.",
            "",
            f"- Drawings: {facts['images']:,} ({facts['part']}), of which {len(made.names):,} are stored, as strokes.",
            f"- Data: {facts.get('title', 'unknown')}. Credit: {facts.get('credit', 'unknown')}.",
            f"- Licence of the drawings: {facts.get('license', 'unknown')}. "
            f"Changes: {facts.get('changes', 'unknown')}.",
            "- Names of the images are the `key_id` of the drawings in the public data.",
            "- Read it with `sketchwidgets.FeatureAtlas.open(folder)`; made by `sketchwidgets atlas`.",
            "",
            "| layer | channels | dead | pixels a unit sees |",
            "| --- | --- | --- | --- |",
            *rows,
            "",
        ]
    )

"""The public function `atlas`: the strongest images of every channel over a data set."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from sketchwidgets.models import fingerprint
from sketchwidgets.models.importers import ImportedNetwork

from .._modules import known
from ..network import Network
from ..projection._options import Options
from ._checkpoint import Checkpoint
from ._drawings import DrawingStore
from ._errors import AtlasError
from ._progress import Callback, Teller
from ._source import Source, as_source
from ._stream import Reading, read_all
from ._subject import Subject, find_subject
from ._units import LayerUnits
from ._winners import Slots, Winners
from .result import FeatureAtlas


def atlas(
    model: Any,
    loader: Any,
    layers: str | Sequence[str] | None = None,
    top: int = 9,
    rule: str = "deconvnet",
    *,
    checkpoint: str | Path | None = None,
    every: float = 60.0,
    classes: Sequence[str] | None = None,
    names: Sequence[str] | Callable[[int], str] | None = None,
    picture: Callable[[Tensor], np.ndarray] | None = None,
    quality: int | None = 90,
    facts: Mapping[str, Any] | None = None,
    progress: bool = True,
    callback: Callback | None = None,
) -> FeatureAtlas:
    """The images of a data set that excite each channel of a network most, where, and what in them does it.

    For every channel the `top` images with the highest maximum over all positions, one maximum per image
    (as Yosinski et al. 2015 do; Zeiler & Fergus 2014, figure 2, show nine), each with the patch that the unit sees
    and its projection under `rule`, with the switches of that image. Patches and projections of a layer have one
    size, that of the receptive field, padded at the border of the image.

    The data set is read once from beginning to end, up to the deepest layer, while the running top stays on the
    model's device; then the winning images are read again and projected.

    Parameters
    ----------
    model : a torch.nn.Module in eval mode, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled
        recogniser. It is not changed.
    loader : batches of images (n, C, H, W), or (images, labels, ...): a DataLoader, a data set, or any iterable that
        can be read twice; or one tensor (N, C, H, W); or a list of `Sketch`, or for a `sw.Network` of anything that
        its `prepare` takes: PIL images, (H, W, 3) arrays. It must give the same images each
        time. Each that a DataLoader draws is read once, in the order of its data set. Over `sw.SketchImages`, strokes
        are stored in place of pixels, and projections are made when asked for.
    layers : names of modules; None: the activations that `sw.project` takes.
    top : images a channel.
    rule : "deconvnet", "guided" or "backprop".
    checkpoint : a file to which the state is written every `every` seconds and when the work is interrupted. If it
        exists, the work goes on from there. It stays when the work is done; remove it once the atlas is saved.
    classes : names of the classes. None: those of the model, if it has any.
    names : a name for every image, a sequence or a function of its number; those of winning images are kept.
    picture : images (n, C, H, W) -> uint8 (n, H, W) or (n, H, W, 3) as a person sees them. None: that of a Network;
        else values in 0..1 are taken as they are and others stretched.
    quality : 1 to 100, of the JPEG in which patches and projections larger than 48 pixels are kept; None: PNG, which
        loses nothing more. A projection is kept in steps of 1/127 of its largest magnitude, and where the images
        have neither 1 nor 3 channels, as the sum of the channels.
    facts : what is to be said of the data, JSON values: "title", "credit", "license", "url", ...
    progress : show a bar. callback : called after each batch with an `AtlasProgress`; returning False ends the
        work early, with the atlas of the images read so far.

    Returns
    -------
    A `FeatureAtlas`: layer name -> units; `save` and `FeatureAtlas.open` put it into a folder and back.

    Raises
    ------
    AtlasError : the loader cannot be read as above; a channel gives NaN; the checkpoint is damaged or belongs to
        another network, data set or choice of layers.
    ProjectionError : as for `sw.project`.

    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5), torch.nn.ReLU()).eval()
    >>> found = sw.atlas(net, torch.rand(20, 1, 16, 16), top=3, progress=False)
    >>> found
    FeatureAtlas(1 4)
    >>> found["1"].images.shape, found.patches("1", 2)[0].shape, found.projections("1", 2)[0].shape
    (torch.Size([4, 3]), (5, 5), torch.Size([1, 5, 5]))
    """
    Options(top, rule)
    check_quality(quality)
    model = known(model)
    if isinstance(model, ImportedNetwork):  # which takes pictures as it is; drawings are for a Network
        model = Network.of(model)
    source = as_source(loader, model)
    if source.frame is not None and picture is None:
        picture = ink_on_paper
    first = first_image(source)
    subject = find_subject(model, first, layers, picture, classes)
    pixels = source.frame is None
    teller = Teller(progress, callback)
    checks = Checkpoint(
        checkpoint, every, {} if checkpoint is None else _job(subject, source, first, top, rule)
    )
    state = checks.open()
    reading, winners = Reading({}), None
    if state is not None:
        counts = {name: layer.channels for name, layer in subject.layers.items()}
        reading = state.reading(counts, top, subject.device)
    try:
        if state is None or not state.has_winners:
            read_all(
                subject, source, top, None, reading, teller, lambda: checks.due() and checks.write(reading)
            )
        cut_short = teller.stopped
        if cut_short:
            checks.write(reading)
        teller.stopped = False
        winners = Winners(subject, slots_of(subject, reading), rule, pixels, quality)
        if state is not None:
            state.restore(winners)

        def save() -> None:
            # The winners of a part of the data set are not those with which another run should go on.
            if not cut_short:
                checks.write(reading, winners)

        winners.read(source, teller, lambda: checks.due() and save())
        save()
    except BaseException:
        if reading.batches:
            checks.write(reading, winners)
        raise
    return FeatureAtlas(
        {
            name: LayerUnits.of(name, [slots], subject.layers[name].field.size, pixels)
            for name, slots in winners.layers.items()
        },
        rule=rule,
        image_shape=subject.image_shape,
        classes=subject.classes,
        labels=winners.labels,
        names=names_of(names, winners.images.tolist()),
        drawings=drawings_of(source, winners.images.tolist()),
        facts={"images": reading.images, **(facts or {})},
        network=fingerprint(subject.module),
    )


def check_quality(quality: Any) -> None:
    if quality is not None and (type(quality) is not int or not 1 <= quality <= 100):
        raise AtlasError(f"quality must be a whole number from 1 to 100 or None, not {quality!r}")


def first_image(source: Source) -> Tensor:
    """(1, C, H, W): the first image of a source."""
    for batch in source.batches():
        return batch.images[:1]
    raise AtlasError("loader gave no images")


def slots_of(
    subject: Subject, reading: Reading, channels: Mapping[str, np.ndarray] | None = None
) -> dict[str, Slots]:
    """The winners of a first reading, as many as there were images."""
    slots = {}
    for name in subject.layers:
        found = reading.tops[name]
        keep = min(found.values.shape[1], reading.images)
        numbers = np.arange(len(found.values)) if channels is None else channels[name]
        slots[name] = Slots(
            numbers, found.indices[:, :keep].cpu().numpy(), found.values[:, :keep].cpu().numpy()
        )
    return slots


def drawings_of(source: Source, images: Sequence[int]) -> DrawingStore | None:
    """The strokes of some images of a source, if it has strokes."""
    if source.frame is None:
        return None
    return DrawingStore.of({image: source.drawing(image) for image in images}, source.frame)


def names_of(names: Sequence[str] | Callable[[int], str] | None, images: Sequence[int]) -> dict[int, str]:
    """Number -> name of some images."""
    if names is None:
        return {}
    if callable(names):
        return {image: str(names(image)) for image in images}
    if images and len(names) <= max(images):
        raise AtlasError(f"names: {len(names)} names, and an image of number {max(images)}")
    return {image: str(names[image]) for image in images}


def ink_on_paper(images: Tensor) -> np.ndarray:
    """Drawings (n, 1, H, W) in 0..1, ink 1, as dark ink on white: (n, H, W) uint8."""
    return (255 - images.detach().float().mean(1).clamp(0, 1) * 255).round().byte().cpu().numpy()


def _job(subject: Subject, source: Source, first: Tensor, top: int, rule: str) -> dict[str, Any]:
    return {
        "network": fingerprint(subject.module),
        "choice of layers": [[name, layer.channels] for name, layer in subject.layers.items()],
        "top": top,
        "rule": rule,
        "data set": f"{source.identity}, first image {_digest(first)}",
    }


def _digest(image: Tensor) -> str:
    array = image.detach().float().cpu().numpy()
    return hashlib.sha256(np.ascontiguousarray(array).tobytes()).hexdigest()[:16]

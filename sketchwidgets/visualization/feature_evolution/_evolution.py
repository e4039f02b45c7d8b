"""The public function `evolution`: how what excites a channel changes while the network learns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from torch import Tensor

from .._modules import known
from ..feature_atlas import AtlasError, LayerUnits
from ..feature_atlas._atlas import check_quality, first_image, ink_on_paper, names_of, slots_of
from ..feature_atlas._progress import Callback, Teller
from ..feature_atlas._source import Source, as_source
from ..feature_atlas._stream import Reading, read_all
from ..feature_atlas._subject import Subject, find_subject, module_of
from ..feature_atlas._winners import Winners
from ..projection._options import Options
from ._checkpoints import list_checkpoints, network_of
from .result import FeatureEvolution


def evolution(
    checkpoints: Any,
    model: Any,
    loader: Any,
    layers: str | Sequence[str] | None = None,
    channels: int | Mapping[str, Sequence[int]] | None = 8,
    rule: str = "deconvnet",
    *,
    seed: int = 0,
    classes: Sequence[str] | None = None,
    names: Sequence[str] | Callable[[int], str] | None = None,
    picture: Callable[[Tensor], np.ndarray] | None = None,
    quality: int | None = 90,
    facts: Mapping[str, Any] | None = None,
    progress: bool = True,
    callback: Callback | None = None,
) -> FeatureEvolution:
    """For some channels of every layer, the strongest activation over a whole data set at each of several epochs.

    Zeiler & Fergus 2014, figure 4: at each epoch the image that excites the channel most, of all the training
    images, projected to the pixels. A sudden jump means that the image changed; the result says where.

    Parameters
    ----------
    checkpoints : epoch -> network, as a mapping, a sequence of pairs, a sequence (epochs 1, 2, ...), or the folder of
        a `sw.training.RecordEvolution`. A network is given as a safetensors file of its state dict, a state dict,
        a module in eval mode, or a function that returns one of these; pickled files are not read.
    model : the network into a copy of which state dicts are loaded: a torch.nn.Module in eval mode, a `sw.Network`, a
        `sw.Recognizer` (its CNN), or None for the bundled recogniser. It is not changed.
    loader : the images, as for `sw.atlas`.
    layers : names of modules; None: the activations that `sw.project` takes.
    channels : how many of each layer, chosen at random with `seed`; or those of choice, layer -> numbers; None: all.
    rule : "deconvnet", "guided" or "backprop".
    classes, names, picture, quality, facts, progress : as for `sw.atlas`.
    callback : called after each batch with an `AtlasProgress`; returning False ends the work early, with the
        epochs that are complete.

    Raises
    ------
    AtlasError : a checkpoint cannot be read or does not fit the model, or what `sw.atlas` raises.

    >>> def trained(epoch):
    ...     torch.manual_seed(epoch)
    ...     return torch.nn.Sequential(torch.nn.Conv2d(1, 4, 5), torch.nn.ReLU()).eval()
    >>> found = sw.evolution({e: trained(e) for e in (1, 2, 5)}, trained(0), torch.rand(20, 1, 16, 16), progress=False)
    >>> found
    FeatureEvolution(epochs 1, 2, 5; 1 4)
    >>> found["1"].images.shape, found.changed("1").shape
    (torch.Size([4, 3]), torch.Size([4, 3]))
    """
    Options(1, rule)
    check_quality(quality)
    _check_channels(channels)
    pairs = list_checkpoints(checkpoints)
    model = known(model)
    source = as_source(loader, model)
    if source.frame is not None and picture is None:
        picture = ink_on_paper
    picture = picture or getattr(model, "picture", None)
    classes = getattr(model, "classes", None) if classes is None else classes
    base, first = module_of(model), first_image(source)
    teller = Teller(progress, callback)
    chosen: dict[str, np.ndarray] = {}
    done: list[tuple[int | float, Subject, Winners]] = []
    for epoch, checkpoint in pairs:
        teller.epoch = epoch
        subject = find_subject(network_of(epoch, checkpoint, base), first, layers, picture, classes)
        if not done:
            chosen = _choose(subject, channels, seed)
        _check_alike(epoch, subject, done)
        winners = _strongest(subject, source, chosen, rule, quality, teller, keep_partial=not done)
        if winners is not None:
            done.append((epoch, subject, winners))
        if teller.stopped:
            break
    _, subject, _ = done[0]
    images = sorted({image for _, _, winners in done for image in winners.images.tolist()})
    return FeatureEvolution(
        {
            name: LayerUnits.of(
                name,
                [winners.layers[name] for _, _, winners in done],
                subject.layers[name].field.size,
                pixels=True,
            )
            for name in subject.layers
        },
        epochs=[epoch for epoch, _, _ in done],
        rule=rule,
        image_shape=subject.image_shape,
        classes=subject.classes,
        labels={image: label for _, _, winners in done for image, label in winners.labels.items()},
        names=names_of(names, images),
        facts=facts,
    )


def _strongest(
    subject: Subject,
    source: Source,
    channels: dict[str, np.ndarray],
    rule: str,
    quality: int | None,
    teller: Teller,
    keep_partial: bool,
) -> Winners | None:
    """The strongest image of each channel under one network, projected; None if cut short and not to be kept."""
    reading = Reading({})
    read_all(subject, source, 1, channels, reading, teller, lambda: None)
    if teller.stopped and not keep_partial:
        return None
    stopped, teller.stopped = teller.stopped, False
    winners = Winners(subject, slots_of(subject, reading, channels), rule, True, quality)
    winners.read(source, teller, lambda: None)
    complete = not teller.stopped
    teller.stopped = stopped or teller.stopped
    return winners if complete or keep_partial else None


def _choose(
    subject: Subject, channels: int | Mapping[str, Sequence[int]] | None, seed: int
) -> dict[str, np.ndarray]:
    """The channels of each layer that are followed, ascending."""
    if isinstance(channels, Mapping):
        unknown = [name for name in channels if name not in subject.layers]
        missing = [name for name in subject.layers if name not in channels]
        if unknown or missing:
            raise AtlasError(
                f"channels: {unknown[0]!r} is no layer that is looked at"
                if unknown
                else f"channels: none of {missing[0]!r}"
            )
    generator = np.random.default_rng(seed)
    chosen = {}
    for name, facts in subject.layers.items():
        if channels is None:
            numbers = np.arange(facts.channels)
        elif isinstance(channels, Mapping):
            numbers = np.array(sorted(set(channels[name])))
            if (
                not len(numbers)
                or numbers.dtype.kind not in "iu"
                or numbers[0] < 0
                or numbers[-1] >= facts.channels
            ):
                raise AtlasError(
                    f"channels of layer {name!r} must be whole numbers from 0 to {facts.channels - 1}, "
                    f"not {list(channels[name])!r}"
                )
        else:
            count = min(int(channels), facts.channels)
            numbers = np.sort(generator.choice(facts.channels, count, replace=False))
        chosen[name] = numbers.astype(np.int64)
    return chosen


def _check_channels(channels: Any) -> None:
    if channels is None or isinstance(channels, Mapping):
        return
    if isinstance(channels, bool) or not isinstance(channels, int | np.integer) or channels < 1:
        raise AtlasError(f"channels must be a number from 1 on, layer -> numbers, or None, not {channels!r}")


def _check_alike(epoch: int | float, subject: Subject, done: list) -> None:
    """All epochs must be of one architecture."""
    if not done:
        return
    before = {name: (facts.channels, facts.field) for name, facts in done[0][1].layers.items()}
    now = {name: (facts.channels, facts.field) for name, facts in subject.layers.items()}
    if before != now:
        other = next((name for name in {**before, **now} if before.get(name) != now.get(name)), "")
        raise AtlasError(f"checkpoints[{epoch}]: layer {other!r} is not like that of epoch {done[0][0]}")

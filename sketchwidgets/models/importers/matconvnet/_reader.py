"""Networks from the files of MatConvNet."""

import os
import warnings
from pathlib import Path

from torch import nn

from ...._files import no_file
from .._errors import NetworkFileError
from .._network import ImportedNetwork, Layer, Source
from .._preprocessing import ImagePreprocessing, usual_ink
from .._sizes import output_size
from ._dagnn import read_dagnn
from ._fields import Fields
from ._mat5 import read_mat5
from ._meta import mean_of, read_meta
from ._simplenn import read_simplenn
from ._values import Value

_HDF5 = b"\x89HDF\r\n\x1a\n"
# Variables of a file that has no struct of the network, but its fields.
_FIELDS = ("layers", "params", "vars", "meta", "normalization", "classes", "averageImage", "imageMean")
_ANY_SIZE = 16  # a network that also takes so little was not made for one size
_USUAL_SIZE = 128
_MOST_LAYERS = 5_000
_LARGEST_SIZE = 1024


def from_matconvnet(
    path: str | os.PathLike,
    *,
    variable: str | None = None,
    output: str | None = None,
    input_size: int | tuple[int, int] | None = None,
    ink: str | None = None,
) -> ImportedNetwork:
    """A network from a file of MatConvNet: SimpleNN, old and new, or DagNN; MAT version 5 or 7.3.

    Takes (n, channels, height, width) float32 images, prepared as its `preprocessing` says, and returns (n, classes)
    scores before the softmax, or maps; softmax and losses are left off. In eval mode. Filters, sizes of pools, averages
    at the edge, contrast normalisation and batch normalisation are those of MatConvNet, to rounding. Layers of a DagNN
    that share parameters have copies: training here parts them. Nothing in the file is executed.

    Parameters
    ----------
    path : the .mat file.
    variable : the variable that holds the network; None: "net", or the only struct that has layers, or the file
        itself where `layers` is one of its variables.
    output : the variable of a DagNN to return; None: the last that no layer takes.
    input_size : (height, width) in pixels, or one number; None: what the file says. Where it says nothing, the
        smallest that the network takes, or 128 where that is less than 16 and so any would do.
    ink : "positive": the network wants 255 minus the picture, ink bright on black, as Sketch-a-Net does.
        "negative": the picture as it is. No file says so; None: positive for 1 and 6 channels without an average
        image, negative for others.

    Raises FileNotFoundError; `NetworkFileError` (a ValueError) that names the file, the layer and what is wrong:
    an unknown layer or one that is MATLAB code, a file that is cut short, damaged, or that announces more than
    it holds; ValueError for the other arguments.

    >>> sw.models.to_matconvnet(sw.models.create("sketch_a_net", classes=5), "sketch.mat")
    >>> network = sw.models.from_matconvnet("sketch.mat")
    >>> network.source.format, network.input_size, network(torch.zeros(1, 1, 225, 225)).shape
    ('MatConvNet SimpleNN', (225, 225), torch.Size([1, 5]))
    """
    path = Path(path)
    net = _network_of(_read(path, variable), variable, path.name)
    meta = read_meta(net)
    layers = net.items("layers")
    if not layers:
        raise net.fail("there are no layers")
    if len(layers) > _MOST_LAYERS:
        raise net.fail(f"{len(layers):,} layers; at most {_MOST_LAYERS:,} are read")
    is_dag = isinstance(layers[0], dict) and "block" in layers[0]
    if is_dag:
        built, left_out, image = read_dagnn(net, meta.channels, path.name)
    else:
        built, left_out = read_simplenn(layers, meta.channels, path.name)
        image = "x0"
    channels = meta.channels or _first_channels(built, path.name)
    size = _checked_size(input_size) or meta.size
    made = _assemble(built, image, output, channels, size or (1, 1), left_out, path.name, is_dag)
    if size is None:
        size = _smallest_size(made, path.name)
    else:
        _check_fit(made, size, path.name)
    mean = mean_of(meta.average, size, channels, path.name)
    keeps_resize = meta.resize is not None and min(size) <= meta.resize
    made.preprocessing = ImagePreprocessing(
        size,
        channels,
        mean=mean,
        ink=usual_ink(channels, mean) if ink is None else ink,
        resize=meta.resize if keeps_resize else None,
        interpolation=meta.interpolation,
    )
    made.class_names = _fitting_names(meta.classes, made, path.name)
    return made


def _read(path: Path, variable: str | None) -> dict[str, Value]:
    """The variables of a file that can hold a network."""
    if not path.is_file():
        raise no_file(path, f"there is no file {path}")

    def wanted(names: list[str]) -> list[str]:
        if variable is not None:
            if variable not in names:
                listed = ", ".join(map(repr, names[:20])) or "none"
                raise ValueError(f"variable must be one of those in {path.name} ({listed}), not {variable!r}")
            return [variable]
        if "net" in names:
            return ["net"]
        return [name for name in names if name in _FIELDS] if "layers" in names else names

    with path.open("rb") as file:
        start = file.read(1024)
    if _HDF5 in (start[:8], start[512:520]):
        from ._mat73 import read_mat73

        return read_mat73(path, wanted)
    if start[:10] == b"MATLAB 7.3":
        raise NetworkFileError(f"{path.name}: the file is cut short")
    return read_mat5(path, wanted)


def _network_of(values: dict[str, Value], variable: str | None, file: str) -> Fields:
    if variable is None and "layers" in values:
        return Fields(values, file)
    candidates = {
        name: value
        for name, value in values.items()
        if name == variable or (isinstance(value, dict) and "layers" in value)
    }
    if not candidates and "net" in values:
        candidates = {"net": values["net"]}
    if len(candidates) != 1:
        listed = ", ".join(map(repr, candidates or values)) or "none"
        what = "several variables have layers" if candidates else "no variable has layers"
        raise NetworkFileError(f"{file}: {what} ({listed}); give variable=")
    name, value = candidates.popitem()
    net = Fields(value, f"{file}: {name!r}")
    return Fields(net.values, file)


def _first_channels(layers: list[Layer], file: str) -> int:
    """What the first convolution takes."""
    for layer in layers:
        if isinstance(layer.module, nn.Conv2d | nn.ConvTranspose2d):
            return layer.module.in_channels
        if isinstance(layer.module, nn.BatchNorm2d):
            return layer.module.num_features
    raise NetworkFileError(f"{file}: no convolution tells how many channels the images have")


def _assemble(
    layers: list[Layer],
    image: str,
    output: str | None,
    channels: int,
    size: tuple[int, int],
    left_out: list[tuple[str, str]],
    file: str,
    is_dag: bool,
) -> ImportedNetwork:
    return ImportedNetwork(
        layers,
        input=image,
        output=output,
        channels=channels,
        preprocessing=ImagePreprocessing(size, channels),
        source=Source("MatConvNet DagNN" if is_dag else "MatConvNet SimpleNN", file),
        left_out=left_out,
    )


def _checked_size(size: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if size is None:
        return None
    sides = tuple(size) if isinstance(size, tuple | list) else (size, size)
    whole = all(isinstance(side, int) and not isinstance(side, bool) for side in sides)
    if len(sides) != 2 or not whole or not all(1 <= side <= 4096 for side in sides):
        raise ValueError(
            f"input_size must be a number of pixels in 1..4096, or (height, width), not {size!r}"
        )
    return sides


def _check_fit(network: ImportedNetwork, size: tuple[int, int], file: str) -> None:
    try:
        output_size(network, size)
    except ValueError as error:
        raise NetworkFileError(f"{file}: an image of {size[0]} x {size[1]} pixels: {error}") from None


def _smallest_size(network: ImportedNetwork, file: str) -> tuple[int, int]:
    """The smallest square that the network takes."""
    for side in range(1, _LARGEST_SIZE + 1):
        try:
            output_size(network, (side, side))
        except ValueError:
            continue
        return (side, side) if side >= _ANY_SIZE else (_USUAL_SIZE, _USUAL_SIZE)
    raise NetworkFileError(
        f"{file}: the layers do not fit each other for an image of any size up to {_LARGEST_SIZE} pixels"
    )


def _fitting_names(
    names: tuple[str, ...] | None, network: ImportedNetwork, file: str
) -> tuple[str, ...] | None:
    """The names, if the network has as many outputs."""
    filters = [m for m in network.modules() if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    outputs = filters[-1].out_channels if filters else None
    if names is None or outputs is None or outputs == len(names):
        return names
    warnings.warn(f"{file}: {len(names)} class names for {outputs} outputs; they are left out", stacklevel=3)
    return None

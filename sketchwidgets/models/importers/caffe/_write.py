"""`to_caffe`."""

import os
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import nn

from sketchwidgets._files import written_whole
from sketchwidgets.models._registry import name_of

from .._errors import NetworkFileError
from .._eval_mode import eval_mode
from .._input_shape import input_shape
from .._network import ImportedNetwork
from .._preprocessing import ImagePreprocessing, usual_ink
from ._files import MAX_BINARY
from ._input import comments
from ._schema import message
from ._steps import Step, steps_of
from ._write_kinds import WRITERS
from ._writer import Place, Writer, put

Path_ = str | os.PathLike


def to_caffe(
    network: nn.Module,
    prototxt: Path_,
    caffemodel: Path_,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: ImagePreprocessing | None = None,
    input_size: int | tuple[int, int] | None = None,
) -> tuple[Path, ...]:
    """Write a network for Caffe: a deploy prototxt and a caffemodel that give the same numbers.

    Written are networks from a file (`from_matconvnet`, `from_caffe`), and others that torch.fx can trace, which
    those are whose path does not depend on the images: Sketch-a-Net, AlexNet, ZFNet, VGG, SqueezeNet, ResNet,
    GoogLeNet, ... Of modules: Conv2d, ConvTranspose2d, Linear, Max-, Avg-, AdaptiveAvg- and AdaptiveMaxPool2d,
    BatchNorm (as BatchNorm and Scale), LocalResponseNorm, ReLU, LeakyReLU, PReLU, ELU, Sigmoid, Tanh, Softmax, ReLU6
    and Hardtanh (as Clip, which Caffe has since 2018), ZeroPad2d, Dropout, Flatten and Identity, and the same as
    functions, sums, products, concatenations and views. A softmax at the end is written, and left off by readers.

    Caffe rounds the sizes of pools up and pads opposite sides alike. What differs is written with layers of Caffe that
    change no number: maps are cut by a Slice in front of a pool that rounds down, kernels get rows of zeros where the
    padding differs, averages over another number of pixels are scaled. That holds for the one input size.

    Parameters
    ----------
    network : written as it is in eval mode; it is left in the mode it is in.
    prototxt, caffemodel : files to write; both are replaced only when both are ready.
    class_names : of the outputs. None: those of an imported network.
    preprocessing : what pictures go through. None: that of an imported network.
    input_size : pixels of the images, or (height, width). None: the network's own `input_size`, else 224.

    Returns the paths of what was written. A mean for every pixel goes to a third file beside the caffemodel,
    `<name>_mean.binaryproto`, names of classes to `<name>_labels.txt`. One mean a channel and the scale are in the
    prototxt. Caffe wants the channels in the network's order, which a comment in front states, as it does whether ink is
    positive (255 minus the picture), which it is in networks of `models.create` with 1 or 6 channels.

    Raises TypeError for what is no network, ValueError that names the argument, and `NetworkFileError` that names a
    layer that Caffe does not have.

    >>> net = sw.models.create("sketch_a_net", classes=10).eval()
    >>> [path.name for path in sw.models.to_caffe(net, "sketch.prototxt", "sketch.caffemodel")]
    ['sketch.prototxt', 'sketch.caffemodel']
    >>> again = sw.models.from_caffe("sketch.prototxt", "sketch.caffemodel")
    >>> images = torch.rand(1, 1, 225, 225)
    >>> torch.allclose(again(images), net(images), rtol=1e-6, atol=1e-6)
    True
    """
    prototxt, caffemodel = Path(prototxt), Path(caffemodel)
    if isinstance(network, ImportedNetwork):
        preprocessing = preprocessing or network.preprocessing
        class_names = class_names or network.class_names
    shape = input_shape(network, input_size, preprocessing, usual=224)
    if preprocessing is not None and preprocessing.channels != shape[0]:
        raise ValueError(
            f"preprocessing is for {preprocessing.channels} channels; the network takes {shape[0]}"
        )
    parameter = next(network.parameters(), torch.zeros(0))
    images = torch.zeros((1, *shape), dtype=parameter.dtype, device=parameter.device)
    name = network.source.file if isinstance(network, ImportedNetwork) else type(network).__name__
    writer = Writer(name)
    data = writer.add("Input", "data", [])
    data.input_param.shape.add().dim.extend((1, *shape))
    with eval_mode(network):
        steps, first = steps_of(network, images, lambda module: type(module) in WRITERS)
        if not steps:
            raise NetworkFileError(f"{type(network).__name__} has no layer")
        _write_layers(writer, steps, first)
    extra = _beside(preprocessing, class_names, data, caffemodel)
    return _save(writer, _comment(network, preprocessing, shape[0]), prototxt, caffemodel, extra)


def _comment(network: nn.Module, preprocessing: ImagePreprocessing | None, channels: int) -> str:
    """The lines in front: what the preprocessing says, else the ink that a network of the zoo for drawings takes."""
    if preprocessing is not None:
        return comments(preprocessing)
    ink = usual_ink(channels, None)
    return f"# ink: {ink}\n" if ink == "positive" and _of_zoo(network) else ""


def _of_zoo(network: nn.Module) -> bool:
    try:
        name_of(network)
    except ValueError:
        return False
    return True


def _write_layers(writer: Writer, steps: list[Step], first: str) -> None:
    blobs = {first: "data"}
    for step in steps:
        for parts in _parts(step):
            place = Place(writer, parts, [blobs[value] for value in parts.inputs])
            write = WRITERS.get(type(parts.module))
            if write is None:
                raise place.fail("Caffe has no such layer, or it is not known here")
            write(place)
            blobs.update(zip(parts.outputs, place.tops, strict=True))


def _parts(step: Step) -> list[Step]:
    """The step, or the parts of a sequence that a function was taken for."""
    if type(step.module) is not nn.Sequential:
        return [step]
    made, inputs, shape = [], step.inputs, step.takes[0]
    for number, module in enumerate(step.module):
        out = tuple(module(torch.zeros(shape)).shape)
        is_last = number == len(step.module) - 1
        outputs = step.outputs if is_last else (f"{step.outputs[0]}#{number}",)
        made.append(Step(f"{step.name}_{number}", module, inputs, outputs, (shape,), (out,)))
        inputs, shape = outputs, out
    return made


def _beside(
    preprocessing: ImagePreprocessing | None, class_names: Any, data: Any, caffemodel: Path
) -> list[tuple[Path, bytes]]:
    """Mean and scale into the prototxt; what else there is to know, as files beside the caffemodel."""
    extra = []
    if preprocessing is not None:
        if preprocessing.scale != 1:
            data.transform_param.scale = preprocessing.scale
        mean = preprocessing.mean
        if mean is not None and mean.ndim == 1:
            data.transform_param.mean_value.extend(mean.tolist())
        elif mean is not None:
            path = caffemodel.with_name(f"{caffemodel.stem}_mean.binaryproto")
            blob = message("BlobProto")()
            put(blob, mean[None], NetworkFileError)
            data.transform_param.mean_file = path.name
            extra.append((path, blob.SerializeToString()))
    if class_names is not None:
        lines = "".join(" ".join(str(name).split()) + "\n" for name in class_names)
        extra.append((caffemodel.with_name(f"{caffemodel.stem}_labels.txt"), lines.encode()))
    return extra


def _save(
    writer: Writer, comment: str, prototxt: Path, caffemodel: Path, extra: list[tuple[Path, bytes]]
) -> tuple[Path, ...]:
    from google.protobuf import text_format

    net = writer.net
    size = sum(len(run) for layer in net.layer for blob in layer.blobs for run in blob.data)
    if size > MAX_BINARY - 2**20:
        raise NetworkFileError(f"{size} bytes of weights; a caffemodel holds at most {MAX_BINARY}")
    binary = net.SerializeToString()
    for layer in net.layer:
        layer.ClearField("blobs")
    text = comment + text_format.MessageToString(net)
    files = [(prototxt, text.encode()), (caffemodel, binary), *extra]
    # Never one file of a new network beside one of an old network: all are written, then renamed.
    with ExitStack() as stack:
        for path, content in files:
            stack.enter_context(written_whole(path)).write_bytes(content)
    return tuple(path for path, _ in files)

"""`from_caffe`."""

import os
from collections import Counter
from collections.abc import Sequence, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...._files import no_file
from .._errors import NetworkFileError
from .._network import ImportedNetwork, Layer, Source
from .._preprocessing import check_ink
from . import _input
from ._at import At, Start
from ._files import quoted, read_binary, read_text
from ._graph import Graph, Node, test_graph
from ._layer_kinds import MAKERS
from ._modules import Part, Slice

Path_ = str | os.PathLike


def from_caffe(
    prototxt: Path_,
    caffemodel: Path_ | None = None,
    *,
    mean: Path_ | Sequence[float] | Tensor | None = None,
    class_names: Path_ | Sequence[str] | None = None,
    input_size: int | tuple[int, int] | None = None,
    output: str | None = None,
    ink: str | None = None,
    seed: int = 0,
) -> ImportedNetwork:
    """A network of Caffe: its layers as modules with Caffe's names, weights, sizes and rounding.

    It takes (n, channels, h, w) and returns the scores before the softmax. Layers of the training phase, losses, and a
    softmax at the end are left off (`left_out` says which); layers that work in place and splits are undone. All
    else is as in Caffe: pools whose last window hangs over the border, averages over what of a window is inside the
    padding, response normalization by alpha / size, groups and dilation, statistics of batch normalization
    divided by their third blob. Layers that share weights (`param { name }`) have copies: training here parts them.
    Of the old format (`layers`) and the new one (`layer`), not of the one before 2014.

    Known are BatchNorm, Bias, Clip, Concat, Convolution, Crop, Deconvolution, Dropout, ELU, Eltwise, Flatten,
    InnerProduct, LRN, PReLU, Pooling (maximum and average), Power, ReLU, Reshape, Scale, Sigmoid, Slice,
    Softmax, Split and TanH, and every layer of Caffe that only brings data or measures a loss.

    Parameters
    ----------
    prototxt : the network in protobuf text: a deploy file, or one of training.
    caffemodel : its weights. None: random ones as the file's fillers say, and as He et al. (ICCV 2015) do where it
        names none, by `seed`.
    mean : path of a binaryproto, one number for each channel (0..255, in the network's order), or an array
        (channels, height, width), whose centre is taken if it is larger than the images. None: the file's `mean_value`,
        or its `mean_file` if that lies beside the prototxt.
    class_names : names of the outputs in order, or the path of a text file with one a line; an ImageNet number
        before the name ("n01440764 tench") is dropped.
    input_size : pixels, or (height, width), where the file does not say or where another is wanted.
    output : the blob to return; None: the last that no layer takes.
    ink : "positive": the network wants 255 minus the picture, ink bright on black, as Sketch-a-Net does.
        "negative": the picture as it is. None: as a comment of `to_caffe` says; without one, positive for 1 and 6
        channels without a mean, negative for others.
    seed : of random weights.

    Returns an `ImportedNetwork` in eval mode, float32. Its `preprocessing` has mean, scale, size and channel order:
    "bgr" as all of Caffe's own tools.

    Raises FileNotFoundError, and `NetworkFileError` that names the file, the layer and the field for what is
    damaged, too large or unknown. Nothing of the files is executed, and no other file opened than that mean.

    >>> from pathlib import Path
    >>> _ = Path("net.prototxt").write_text('''
    ... layer { name: "data" type: "Input" top: "data" input_param { shape { dim: 1 dim: 3 dim: 32 dim: 32 } } }
    ... layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1"
    ...         convolution_param { num_output: 8 kernel_size: 5 stride: 2 } }
    ... layer { name: "relu1" type: "ReLU" bottom: "conv1" top: "conv1" }
    ... layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { kernel_size: 3 stride: 2 } }
    ... layer { name: "fc2" type: "InnerProduct" bottom: "pool1" top: "fc2" inner_product_param { num_output: 10 } }
    ... layer { name: "prob" type: "Softmax" bottom: "fc2" top: "prob" }''')
    >>> net = sw.models.from_caffe("net.prototxt", mean=[104, 117, 123])
    >>> [name for name, layer in net.named_children()], net(torch.zeros(2, 3, 32, 32)).shape
    (['conv1', 'relu1', 'pool1', 'fc2'], torch.Size([2, 10]))
    >>> sw.project(net, torch.rand(1, 3, 32, 32), "relu1", top=2)["relu1"].images.shape
    torch.Size([1, 2, 3, 32, 32])
    """
    path = Path(prototxt)
    weights_path = None if caffemodel is None else Path(caffemodel)
    net, text = read_text(path)
    graph = test_graph(net, path.name)
    blobs = {} if weights_path is None else _blobs(read_binary(weights_path))
    size = _check_size(input_size)
    if ink is not None:
        check_ink(ink)
    value, shape = _input.images(graph, net, path.name, size, blobs)
    layers, shapes = _make_layers(graph, value, shape, path, weights_path, blobs, seed)
    if not layers:
        raise NetworkFileError(f"{path.name}: no layer that computes anything")
    if output is not None and graph.blobs.get(output) not in shapes:
        made = ", ".join(repr(blob) for blob, name in graph.blobs.items() if name in shapes and name != value)
        raise ValueError(f"output must be one of {made}, not {output!r}")
    made = ImportedNetwork(
        layers,
        input=value,
        channels=shape[1],
        preprocessing=_input.preprocessing(graph, shape, path, text, mean, ink),
        source=Source("Caffe", path.name if weights_path is None else weights_path.name),
        output=None if output is None else graph.blobs[output],
        class_names=_class_names(class_names),
        left_out=graph.left_out,
    )
    count = shapes[made.output_name][1]
    if made.class_names is not None and len(made.class_names) != count:
        raise ValueError(f"class_names has {len(made.class_names)} names; the network has {count} outputs")
    return made


def _blobs(net: Any) -> dict[str, Any]:
    """The weights of each layer by its name; of several layers of one name, of the first that has any."""
    found: dict[str, Any] = {}
    for layer in (*net.layer, *net.layers):
        if not found.get(layer.name):
            found[layer.name] = layer.blobs
    return found


def _make_layers(
    graph: Graph,
    value: str,
    shape: tuple[int, ...],
    path: Path,
    weights_path: Path | None,
    blobs: dict[str, Any],
    seed: int,
) -> tuple[list[Layer], dict[str, tuple[int, ...]]]:
    """The modules, and the shapes of what they make."""
    shapes = {value: shape}
    used = {name for node in graph.nodes for name in node.inputs}
    start = Start(seed)
    layers, with_weights = [], set()
    for node in graph.nodes:
        maker = MAKERS.get(node.kind)
        if maker is None:
            known = ", ".join(sorted(MAKERS))
            raise NetworkFileError(
                f"{path.name}: layer {quoted(node.name)}: the type {quoted(node.kind)} is not known here (known: {known})"
            )
        unknown = [name for name in node.inputs if name not in shapes]
        if unknown:
            raise NetworkFileError(
                f"{path.name}: layer {quoted(node.name)} ({node.kind}): takes {quoted(unknown[0])}, "
                "which is not made of images"
            )
        own = None if weights_path is None else blobs.get(node.name, ())
        weights_file = path.name if weights_path is None else weights_path.name
        inputs = [shapes[name] for name in node.inputs]
        at = At(path.name, node.name, node.kind, node.layer, inputs, own, weights_file, start)
        module, out = maker(at)
        at.check_all_used()
        if at.used_blobs:
            if node.name in with_weights:
                raise at.fail("another layer with weights has the same name")
            with_weights.add(node.name)
        if len(out) != len(node.outputs):
            raise at.fail(f"makes {len(out)} blobs, and has {len(node.outputs)} tops")
        shapes.update(zip(node.outputs, out, strict=True))
        layers.append(_layer(node, module, used, graph.silenced))
    return _with_own_names(layers), shapes


def _with_own_names(layers: list[Layer]) -> list[Layer]:
    """The layers with a number behind names that were there before: Caffe allows a name twice."""
    count: Counter[str] = Counter()
    for place, layer in enumerate(layers):
        count[layer.name] += 1
        if count[layer.name] > 1:
            layers[place] = replace(layer, name=f"{layer.name}_{count[layer.name]}")
    return layers


def _layer(node: Node, module: nn.Module, used: Set[str], silenced: Set[str]) -> Layer:
    """The layer; of a slice of which one part is used, only that part."""
    outputs = node.outputs
    taken = used.intersection(outputs) or set(outputs) - silenced
    if isinstance(module, Slice) and len(taken) == 1:
        place = outputs.index(*taken)
        module = Part(sum(module.sizes[:place]), module.sizes[place], module.axis)
        outputs = (outputs[place],)
    return Layer(node.name or node.kind, module, node.inputs, outputs)


def _check_size(size: Any) -> tuple[int, int] | None:
    sides = (size, size) if isinstance(size, int) else size
    if sides is None:
        return None
    if not isinstance(sides, tuple | list) or len(sides) != 2 or not all(isinstance(s, int) for s in sides):
        raise TypeError(f"input_size must be a number of pixels or (height, width), not {size!r}")
    if not all(1 <= side <= 4096 for side in sides):
        raise ValueError(f"input_size must be in 1..4096, not {size!r}")
    return tuple(sides)


def _class_names(names: Any) -> tuple[str, ...] | None:
    if names is None:
        return None
    if isinstance(names, str | Path):
        path = Path(names)
        if not path.is_file():
            raise no_file(path, f"there is no file of class names at {path}")
        if path.stat().st_size > 4_000_000:
            raise NetworkFileError(f"{path.name}: {path.stat().st_size} bytes are too many for class names")
        try:
            lines = path.read_text("utf-8").splitlines()
        except UnicodeDecodeError:
            raise NetworkFileError(f"{path.name}: the class names are not UTF-8") from None
        names = [_plain(line) for line in lines if line.strip()]
    names = tuple(names)
    if not all(isinstance(name, str) for name in names):
        raise TypeError("class_names must be strings")
    return names


def _plain(line: str) -> str:
    """A name without ImageNet's number before it."""
    first, _, rest = line.strip().partition(" ")
    return (
        rest.strip() if len(first) == 9 and first[0] == "n" and first[1:].isdigit() and rest else line.strip()
    )

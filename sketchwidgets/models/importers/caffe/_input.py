"""What a Caffe network takes: the size of its images and what they go through first."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .._errors import NetworkFileError
from .._preprocessing import ImagePreprocessing, usual_ink
from ._files import quoted, read_mean, short
from ._graph import Graph, Node

# Lines that `to_caffe` writes in front: Caffe's own fields have no words for them.
_COMMENT = re.compile(r"# (channel order|ink|resize): (\S{1,20})\n")


def images(graph: Graph, net: Any, file: str, size: tuple[int, int] | None, blobs: dict) -> tuple[str, tuple]:
    """The value that the images are, and its shape (n, c, h, w) in the file."""
    used = {value for node in graph.nodes for value in node.inputs}
    found = [(node, value) for node in graph.data for value in node.outputs if value in used]
    if len(found) != 1:
        names = short(", ".join(repr(value) for _, value in found)) if found else "none"
        raise NetworkFileError(f"{file}: networks of one input are known, and this one has {names}")
    node, value = found[0]
    shape = _stated(node, node.outputs.index(value), net, file)
    if shape is None:
        shape = _of_pictures(node, graph, value, file, size, blobs)
    if len(shape) == 3:
        shape = (1, *shape)
    if len(shape) != 4 or shape[0] < 1:
        raise NetworkFileError(
            f"{file}: input {quoted(value)} has the shape {short(shape)}, not (n, c, h, w)"
        )
    if size is not None:
        shape = (*shape[:2], *size)
    if not (1 <= shape[1] <= 65_536 and all(1 <= side <= 4096 for side in shape[2:])):
        raise NetworkFileError(
            f"{file}: input {quoted(value)} has the shape {short(shape)}; images of up to 4096 x 4096 are known"
        )
    return value, shape


def _stated(node: Node, place: int, net: Any, file: str) -> tuple[int, ...] | None:
    """The shape that the file gives in numbers."""
    if node.kind == "input":
        if net.input_shape:
            shapes = [tuple(shape.dim) for shape in net.input_shape]
        else:
            dims = list(net.input_dim)
            shapes = [tuple(dims[start : start + 4]) for start in range(0, len(dims), 4)]
        if len(shapes) != len(net.input):
            raise NetworkFileError(f"{file}: {len(net.input)} inputs, and the shapes of {len(shapes)}")
        return shapes[place]
    layer = node.layer
    if node.kind in ("Input", "DummyData"):
        param = layer.input_param if node.kind == "Input" else layer.dummy_data_param
        shapes = [tuple(shape.dim) for shape in param.shape]
        if not shapes and node.kind == "DummyData":
            sides = (param.num, param.channels, param.height, param.width)
            shapes = list(zip(*map(tuple, sides), strict=False))
        if len(shapes) == 1:
            return shapes[0]
        if place >= len(shapes):
            raise NetworkFileError(
                f"{file}: layer {quoted(node.name)} ({node.kind}): says nothing of its shape"
            )
        return shapes[place]
    if node.kind == "MemoryData":
        param = layer.memory_data_param
        return (param.batch_size, param.channels, param.height, param.width)
    return None


def _of_pictures(node: Node, graph: Graph, value: str, file: str, size: tuple | None, blobs: dict) -> tuple:
    """The shape of what a layer reads from a data base or from picture files."""
    if node.outputs[0] != value:
        raise NetworkFileError(
            f"{file}: layer {quoted(node.name)} ({node.kind}): its labels are taken as images"
        )
    layer = node.layer
    own = _own_param(node)
    side = layer.transform_param.crop_size or (own.crop_size if own is not None else 0)
    height, width = side, side
    if not side and node.kind == "ImageData":
        height, width = own.new_height, own.new_width
    if size is None and not (height and width):
        raise NetworkFileError(
            f"{file}: layer {quoted(node.name)} ({node.kind}): says nothing of the size of its images; give input_size"
        )
    return (1, _channels(node, graph, value, blobs), *(size or (height, width)))


def _own_param(node: Node) -> Any:
    field = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}.get(
        node.kind
    )
    return None if field is None else getattr(node.layer, field)


def _channels(node: Node, graph: Graph, value: str, blobs: dict) -> int:
    """Of pictures from a data base: as the first convolution's weights say, else grey where the file does, else 3."""
    for reader in graph.nodes:
        weights = blobs.get(reader.name)
        if value in reader.inputs and reader.kind == "Convolution" and weights:
            shape = list(weights[0].shape.dim) or [0, weights[0].channels]
            group = reader.layer.convolution_param.group
            if len(shape) > 1 and 1 <= shape[1] <= 65_536 and 1 <= group <= 65_536:
                return shape[1] * group
    grey = node.layer.transform_param.force_gray
    grey |= node.kind == "ImageData" and not node.layer.image_data_param.is_color
    return 1 if grey else 3


def preprocessing(
    graph: Graph, shape: tuple[int, ...], path: Path, text: str, mean: Any, ink: str | None
) -> ImagePreprocessing:
    """What the file says of mean, scale, order and ink, with the user's `mean` and `ink` before the file's."""
    _, channels, height, width = shape
    transform, own = None, None
    for node in graph.data:
        if node.kind != "input":
            transform, own = node.layer.transform_param, _own_param(node)
            break
    scale, file_mean = 1.0, None
    if transform is not None:
        scale = transform.scale if transform.HasField("scale") or own is None else own.scale
        file_mean = _mean_of_file(transform, own, path)
    resize = None
    mean = _mean(mean, path) if mean is not None else file_mean
    if mean is not None:
        if mean.ndim == 1 and len(mean) == 1:
            mean = mean.expand(channels)
        if mean.ndim == 3:
            mean, resize = _centre(mean, channels, height, width, path.name)
    # Of three channels, without a comment: Caffe's own tools read pictures with OpenCV, blue, green, red.
    given = {"resize": resize, "ink": usual_ink(channels, mean)}
    given |= ({"channel_order": "bgr"} if channels == 3 else {}) | _commented(text, path.name)
    given |= {} if ink is None else {"ink": ink}
    try:
        return ImagePreprocessing((height, width), channels, mean=mean, scale=float(scale), **given)
    except ValueError as error:
        raise NetworkFileError(f"{path.name}: the preprocessing: {error}") from None


def _mean_of_file(transform: Any, own: Any, path: Path) -> Tensor | None:
    if transform.mean_value:
        return torch.tensor(list(transform.mean_value))
    stated = transform.mean_file or (own.mean_file if own is not None else "")
    # Only beside the prototxt, whatever folder it says: no file may make us open others of this computer.
    beside = path.parent / stated.replace("\\", "/").rsplit("/", 1)[-1] if stated else None
    if beside is None or "\0" in stated or not beside.is_file():
        return None
    return torch.from_numpy(read_mean(beside))


def _mean(mean: Any, path: Path) -> Tensor:
    if isinstance(mean, str | Path):
        return torch.from_numpy(read_mean(Path(mean)))
    if isinstance(mean, Sequence | np.ndarray | Tensor):
        try:
            made = torch.as_tensor(np.asarray(mean, np.float32))
        except (TypeError, ValueError):
            made = None
        if made is not None and made.ndim in (1, 3):
            return made
    raise ValueError(
        "mean must be the path of a binaryproto, one number a channel, or an array (channels, height, width), "
        f"not {mean!r}"
    )


def _centre(mean: Tensor, channels: int, height: int, width: int, file: str) -> tuple[Tensor, int | None]:
    """The centre of a mean image that is larger than the input, as Caffe crops both, and the size before that."""
    found, rows, columns = mean.shape
    if found != channels or rows < height or columns < width:
        raise NetworkFileError(
            f"{file}: a mean of the shape {tuple(mean.shape)} for images ({channels}, {height}, {width})"
        )
    top, left = (rows - height) // 2, (columns - width) // 2
    resize = min(rows, columns) if (rows, columns) != (height, width) else None
    return mean[:, top : top + height, left : left + width].clone(), resize


def comments(given: ImagePreprocessing) -> str:
    """What Caffe has no fields for, in front of a prototxt; what is usual there is not said."""
    lines = {"channel order": given.channel_order if given.channels == 3 else None}
    lines["ink"] = given.ink if "positive" in (given.ink, usual_ink(given.channels, given.mean)) else None
    lines["resize"] = given.resize
    return "".join(f"# {name}: {value}\n" for name, value in lines.items() if value is not None)


def _commented(text: str, file: str) -> dict[str, Any]:
    """The fields that comments state, if they are the first lines."""
    found: dict[str, Any] = {}
    start = 0
    while line := _COMMENT.match(text, start):
        name, value = line.groups()
        if name == "resize" and not (value.isascii() and value.isdigit()):
            raise NetworkFileError(f"{file}: resize {value!r} is no number of pixels")
        found[name.replace(" ", "_")] = int(value) if name == "resize" else value
        start = line.end()
    return found

"""Caffe's files as messages and arrays. They may come from anybody: sizes are checked before anything is made."""

import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...._files import no_file
from .._errors import NetworkFileError
from ._schema import message

MAX_TEXT = 4_000_000  # bytes of a prototxt; that of a ResNet-152 has 200,000
MAX_BINARY = 2**31 - 1  # protobuf's own limit
MAX_LAYERS = 10_000
MAX_NESTING = 50
# What counts for the nesting, with comments and strings out of the way.
_TOKENS = re.compile(r"""#[^\n]*|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|[{}<>]""")


def read_text(path: Path) -> tuple[Any, str]:
    """The NetParameter of a prototxt, and its text; NetworkFileError names the file and the line."""
    from google.protobuf import text_format

    # Comments may be in any encoding; a name that is not UTF-8 finds no weights, which is then said.
    text = _read(path, MAX_TEXT).decode("utf-8-sig", "replace")
    _check_nesting(path, text)
    net = message("NetParameter")()
    try:
        # Fields that are not described are those of training, or of layers that are not known here either.
        text_format.Parse(text, net, allow_unknown_field=True)
    except (text_format.ParseError, ValueError, RecursionError) as error:
        raise NetworkFileError(f"{path.name}: not a network in protobuf text ({short(error)})") from None
    return _checked(path, net), text


def read_binary(path: Path) -> Any:
    """The NetParameter of a caffemodel."""
    return _checked(path, _parsed(path, "NetParameter"))


def read_mean(path: Path) -> np.ndarray:
    """The mean image (channels, height, width), float32, of a binaryproto."""
    blob = _parsed(path, "BlobProto")
    where = f"{path.name}: the mean"
    shape = blob_shape(blob, where)
    shape = shape[1:] if len(shape) == 4 and shape[0] == 1 else shape
    if len(shape) != 3:
        raise NetworkFileError(f"{where} has the shape {_by(shape)}, not (channels, height, width)")
    return blob_numbers(blob, shape, where)


def blob_shape(blob: Any, where: str) -> tuple[int, ...]:
    """The shape that a blob states, new or old style, each size at least 0 and the product below 2^40."""
    if blob.HasField("shape"):
        shape = tuple(blob.shape.dim)
    else:
        shape = (blob.num, blob.channels, blob.height, blob.width)
    if len(shape) > 32 or any(side < 0 for side in shape) or math.prod(shape) > 2**40:
        raise NetworkFileError(f"{where} states the shape {_by(shape)}, which no blob can have")
    return shape


def blob_numbers(blob: Any, shape: tuple[int, ...], where: str) -> np.ndarray:
    """The numbers of a blob as float32 of the expected shape; what the blob states may differ in leading ones."""
    stated = blob_shape(blob, where)
    if _without_leading_ones(stated) != _without_leading_ones(shape):
        raise NetworkFileError(f"{where} states the shape {_by(stated)}; the layer needs {_by(shape)}")
    count = math.prod(shape)
    numbers = _numbers(blob, where)
    if len(numbers) != count:
        raise NetworkFileError(f"{where} holds {len(numbers)} numbers; its shape {_by(stated)} needs {count}")
    # A copy: the bytes belong to the message, and torch wants memory that can be written.
    numbers = numbers.astype(np.float32).reshape(shape)
    if not np.isfinite(numbers).all():
        raise NetworkFileError(f"{where} holds values that are not finite")
    return numbers


def _numbers(blob: Any, where: str) -> np.ndarray:
    """All numbers of a blob, flat. Several runs, or numbers one by one, are as good as one run to protobuf."""
    for runs, dtype in ((blob.data, "<f4"), (blob.double_data, "<f8")):
        if runs:
            joined = runs[0] if len(runs) == 1 else b"".join(runs)
            if len(joined) % np.dtype(dtype).itemsize:
                raise NetworkFileError(f"{where} ends in the middle of a number")
            return np.frombuffer(joined, dtype)
    loose = message("LooseBlob")()
    loose.ParseFromString(blob.SerializeToString())
    return np.array(loose.data or loose.double_data, np.float64)


def _parsed(path: Path, name: str) -> Any:
    from google.protobuf.message import DecodeError

    made, content = message(name)(), _read(path, MAX_BINARY)
    if content.startswith(b"\x89HDF"):
        raise NetworkFileError(f"{path.name}: a snapshot in HDF5; those in protobuf (.caffemodel) are read")
    try:
        made.ParseFromString(content)
    except (DecodeError, UnicodeDecodeError) as error:
        raise NetworkFileError(f"{path.name}: not a file of Caffe, or cut short ({short(error)})") from None
    return made


def _read(path: Path, limit: int) -> bytes:
    if not path.is_file():
        raise no_file(path, f"there is no file at {path}")
    size = path.stat().st_size
    if size > limit:
        raise NetworkFileError(f"{path.name}: {size} bytes; at most {limit} are read")
    return path.read_bytes()


def _check_nesting(path: Path, text: str) -> None:
    """The parser calls itself for every message in a message, and Python's stack is not endless."""
    depth = 0
    for token in _TOKENS.finditer(text):
        kind = token[0][0]
        depth += (kind in "{<") - (kind in "}>")
        if depth > MAX_NESTING:
            line = text.count("\n", 0, token.start()) + 1
            raise NetworkFileError(f"{path.name}: line {line} nests deeper than {MAX_NESTING} messages")


def _checked(path: Path, net: Any) -> Any:
    if len(net.layer) + len(net.layers) > MAX_LAYERS:
        raise NetworkFileError(f"{path.name}: more than {MAX_LAYERS} layers")
    try:
        for layer in (*net.layer, *net.layers):
            _ = layer.name, tuple(layer.bottom), tuple(layer.top)
    except UnicodeDecodeError:
        raise NetworkFileError(f"{path.name}: a name is not UTF-8") from None
    return net


def _without_leading_ones(shape: Sequence[int]) -> tuple[int, ...]:
    """The old style always has four sizes: a bias is 1 x 1 x 1 x n, a matrix 1 x 1 x n x m."""
    first = next((place for place, side in enumerate(shape) if side != 1), len(shape))
    return tuple(shape[first:])


def _by(shape: Sequence[int]) -> str:
    return " x ".join(map(str, shape)) or "scalar"


def quoted(name: str) -> str:
    """A name of the file in a message; it may be as long as the file."""
    return repr(name if len(name) <= 60 else f"{name[:60]}...")


def short(problem: object, most: int = 160) -> str:
    """The start of a message in one line."""
    text = " ".join(str(problem).split()) or type(problem).__name__
    return text if len(text) <= most else f"{text[:most]}..."

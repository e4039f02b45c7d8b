"""Networks as files of MatConvNet."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from ...._files import written_whole
from .. import _layers
from .._chain import Link, chain_of
from .._input_shape import input_shape
from .._network import ImportedNetwork
from .._preprocessing import ImagePreprocessing

_LOSSES = (None, "softmax", "softmaxloss")
_MOST_BYTES = (1 << 31) - (1 << 20)  # of a variable in a MAT file of version 5


def to_matconvnet(
    network: nn.Module,
    path: str | os.PathLike,
    *,
    class_names: Sequence[str] | None = None,
    preprocessing: ImagePreprocessing | None = None,
    input_size: int | tuple[int, int] | None = None,
    loss: str | None = None,
) -> None:
    """Write a network whose layers run one after the other as a SimpleNN file of MatConvNet (MAT version 5).

    Every convolution, pool, rectifier, normalisation and dropout becomes a layer of that name; a linear layer becomes a
    convolution over all that it sees; flattening is left off. `vl_simplenn` in test mode, and `from_matconvnet`, compute
    from the file what the network does. Weights are stored as float32.

    Parameters
    ----------
    network : such as a `SketchANet`, an `nn.Sequential`, or an `ImportedNetwork` without branches. It is run once.
    path : the file to write; its folder must exist.
    class_names : of the outputs; None: those of an imported network.
    preprocessing : what pictures go through; None: that of an imported network. Channels in the order blue, green, red
        and a scale are worked into the first convolution: the file is for red, green, blue and 0..255.
    input_size : (height, width) or one number; None: the network's own `input_size`.
    loss : a last layer "softmax" or "softmaxloss", as files for use and for training have; None: no such layer.

    Raises ValueError that names the layer where one has no counterpart in a SimpleNN, or does not follow on the one
    before; TypeError for what is no network.

    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.MaxPool2d(2)).eval()
    >>> sw.models.to_matconvnet(net, "small.mat", input_size=28)
    >>> [name for name, layer in sw.models.from_matconvnet("small.mat").named_children()]
    ['0', '1', '2']
    """
    if loss not in _LOSSES:
        raise ValueError(f"loss must be one of {', '.join(map(repr, _LOSSES))}, not {loss!r}")
    if preprocessing is None and isinstance(network, ImportedNetwork):
        preprocessing = network.preprocessing
    if class_names is None and isinstance(network, ImportedNetwork):
        class_names = network.class_names
    channels, *sides = input_shape(network, input_size, preprocessing)
    size = (sides[0], sides[1])
    chain = chain_of(network, channels, size)
    layers = [layer for link in chain for layer in _layer(link)]
    mean = None if preprocessing is None else preprocessing.mean
    if preprocessing is not None:
        mean = _rgb_of_0_to_255(layers, preprocessing, mean)
    if loss is not None:
        layers.append({"name": loss, "type": loss})
    meta = _meta(size, channels, mean, preprocessing, class_names, chain[-1].made[1])
    total = sum(weight.nbytes for layer in layers for weight in layer.get("weights", ()))
    if total > _MOST_BYTES:
        raise ValueError(f"{total:,} bytes of weights; a MAT file of version 5 holds up to 2 GiB")
    for layer in layers:
        if "weights" in layer:
            layer["weights"] = _cell(layer["weights"])
    _save(Path(path), {"net": {"layers": _cell(layers), "meta": meta}})


def _layer(link: Link) -> list[dict[str, Any]]:
    """The layer of a module as a struct; none for one that changes nothing."""
    module = link.module
    if isinstance(module, nn.Identity | nn.Flatten) or (
        isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d) and link.taken == link.made
    ):
        return []
    write = next((write for kind, write in _WRITERS if isinstance(module, kind)), None)
    if write is None:
        raise _refuse(link, "has no counterpart in a SimpleNN")
    return [{"name": link.name or type(module).__name__, **write(link)}]


def _refuse(link: Link, why: str) -> ValueError:
    return ValueError(f"layer {link.name!r} ({type(link.module).__name__}) {why}")


def _convolution(link: Link) -> dict[str, Any]:
    module = link.module
    if module.padding_mode != "zeros" and module.padding not in ("valid", (0, 0)):
        raise _refuse(link, f"pads with {module.padding_mode!r}, and MatConvNet with zeros")
    left, right, top, bottom = getattr(module, "pad", (0, 0, 0, 0))
    if module.padding == "same":
        # The larger half behind, as torch has it.
        both = [d * (k - 1) for k, d in zip(module.kernel_size, module.dilation, strict=True)]
        top, bottom, left, right = both[0] // 2, -(-both[0] // 2), both[1] // 2, -(-both[1] // 2)
    elif module.padding != "valid":
        (v, h) = module.padding
        top, bottom, left, right = top + v, bottom + v, left + h, right + h
    if min(left, right, top, bottom) < 0:
        raise _refuse(link, "crops what it takes")
    return {
        "type": "conv",
        "weights": [_filters(module.weight), _column(module.bias)],
        "pad": _row(top, bottom, left, right),
        "stride": _row(*module.stride),
        "dilate": _row(*module.dilation),
    }


def _transposed_convolution(link: Link) -> dict[str, Any]:
    module = link.module
    if module.dilation != (1, 1):
        raise _refuse(link, "is dilated")
    left, right, top, bottom = getattr(module, "crop", (0, 0, 0, 0))
    (v, h), (below, behind) = module.padding, module.output_padding
    crop = top + v, bottom + v - below, left + h, right + h - behind
    if min(crop) < 0:
        raise _refuse(link, "adds rows or columns behind its output")
    return {
        "type": "convt",
        "weights": [_filters(module.weight), _column(module.bias)],
        "upsample": _row(*module.stride),
        "crop": _row(*crop),
        "numGroups": float(module.groups),
    }


def _linear(link: Link) -> dict[str, Any]:
    module = link.module
    if len(link.taken) != 2:
        raise _refuse(link, f"takes maps {link.taken}, and not all of them at once")
    # All of the maps at once, in torch's order: channels, then rows, then columns.
    _, channels, height, width = (*link.before, 1, 1)[:4]
    filters = _filters(module.weight.view(-1, channels, height, width))
    return {"type": "conv", "weights": [filters, _column(module.bias)], "pad": 0.0, "stride": 1.0}


def _pool(link: Link) -> dict[str, Any]:
    module = link.module
    method = "max" if isinstance(module, nn.MaxPool2d | nn.AdaptiveMaxPool2d) else "avg"
    if isinstance(module, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d):
        taken, made = link.taken[2:], link.made[2:]
        if any(n % m for n, m in zip(taken, made, strict=True)):
            raise _refuse(link, f"makes {made} of {taken} positions, which are not windows of one size")
        kernel = stride = tuple(n // m for n, m in zip(taken, made, strict=True))
        return _pooled(method, kernel, stride, (0, 0, 0, 0))
    kernel, stride, padding = map(_pair, (module.kernel_size, module.stride, module.padding))
    if getattr(module, "dilation", 1) not in (1, (1, 1)):
        raise _refuse(link, "is dilated")
    if method == "avg" and ((max(padding) and module.count_include_pad) or module.divisor_override):
        raise _refuse(link, "counts its padding, and MatConvNet does not")
    # Where the size is rounded up, the last window stands out by what is then padded.
    behind = [
        max(0, (m - 1) * s + k - n - 2 * p) + p
        for n, m, k, s, p in zip(link.taken[2:], link.made[2:], kernel, stride, padding, strict=True)
    ]
    return _pooled(method, kernel, stride, (padding[0], behind[0], padding[1], behind[1]))


def _padded_pool(link: Link) -> dict[str, Any]:
    module = link.module
    method = "avg" if isinstance(module, _layers.PaddedAvgPool2d) else "max"
    left, right, top, bottom = module.pad
    return _pooled(method, module.kernel, module.stride, (top, bottom, left, right))


def _pooled(method: str, kernel: Sequence[int], stride: Sequence[int], pad: Sequence[int]) -> dict[str, Any]:
    return {
        "type": "pool",
        "method": method,
        "pool": _row(*kernel),
        "stride": _row(*stride),
        "pad": _row(*pad),
    }


def _local_response(link: Link) -> dict[str, Any]:
    reversed_order = isinstance(link.module, _layers.Reversed)
    norm = link.module.module if reversed_order else link.module
    if not isinstance(norm, nn.LocalResponseNorm):
        raise _refuse(link, "has no counterpart in a SimpleNN")
    if (norm.size % 2 == 0) != reversed_order:
        raise _refuse(link, f"spans {norm.size} channels, more before a channel than behind it")
    return {"type": "lrn", "param": _row(norm.size, norm.k, norm.alpha / norm.size, norm.beta)}


def _batch_norm(link: Link) -> dict[str, Any]:
    norm = link.module
    if norm.running_mean is None or norm.running_var is None:
        raise _refuse(link, "has no running mean and variance")
    deviation = (norm.running_var.cpu().double() + norm.eps).sqrt()
    ones = norm.running_var.new_ones(norm.num_features)
    gain = ones if norm.weight is None else norm.weight
    shift = 0 * ones if norm.bias is None else norm.bias
    moments = np.stack([_array(norm.running_mean), _array(deviation)], 1)
    return {"type": "bnorm", "weights": [_column(gain), _column(shift), moments], "epsilon": float(norm.eps)}


def _softmax(link: Link) -> dict[str, Any]:
    if link.module.dim not in (1, 1 - len(link.taken)):
        raise _refuse(link, "is not over the channels")
    return {"type": "softmax"}


_WRITERS: tuple[tuple[Any, Callable[[Link], dict[str, Any]]], ...] = (
    (nn.Conv2d, _convolution),
    (nn.ConvTranspose2d, _transposed_convolution),
    (nn.Linear, _linear),
    (nn.MaxPool2d | nn.AvgPool2d | nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d, _pool),
    (_layers.PaddedMaxPool2d, _padded_pool),
    (nn.ReLU, lambda link: {"type": "relu", "leak": 0.0}),
    (nn.LeakyReLU, lambda link: {"type": "relu", "leak": float(link.module.negative_slope)}),
    (nn.Sigmoid, lambda link: {"type": "sigmoid"}),
    (nn.Dropout, lambda link: {"type": "dropout", "rate": float(link.module.p)}),
    (nn.LocalResponseNorm | _layers.Reversed, _local_response),
    (nn.BatchNorm2d, _batch_norm),
    (nn.Softmax, _softmax),
)


def _rgb_of_0_to_255(
    layers: list[dict[str, Any]], preprocessing: ImagePreprocessing, mean: Tensor | None
) -> Tensor | None:
    """Work channel order and scale into the filters of the first layer; the mean in the order of the file."""
    is_bgr = preprocessing.channel_order == "bgr"
    if not is_bgr and preprocessing.scale == 1:
        return mean
    first = layers[0]
    if first["type"] != "conv":
        raise ValueError(
            f"the first layer is of type {first['type']!r}, and takes neither scale nor channel order"
        )
    filters = preprocessing.scale * first["weights"][0]
    if is_bgr:
        if filters.shape[2] != 3:
            raise ValueError("the first convolution is grouped, so that its channels cannot change places")
        filters = filters[:, :, ::-1]
        mean = None if mean is None else mean.flip(0)
    first["weights"][0] = np.ascontiguousarray(filters, np.float32)
    return mean


def _meta(
    size: tuple[int, int],
    channels: int,
    mean: Tensor | None,
    preprocessing: ImagePreprocessing | None,
    class_names: Sequence[str] | None,
    outputs: int,
) -> dict[str, Any]:
    normalization: dict[str, Any] = {"imageSize": _row(*size, channels)}
    if mean is not None:
        image = mean[:, None, None] if mean.ndim == 1 else mean
        normalization["averageImage"] = _array(image.permute(1, 2, 0))
    if preprocessing is not None:
        normalization["interpolation"] = preprocessing.interpolation
        if preprocessing.resize is not None:
            border = preprocessing.resize - min(size)
            normalization["border"] = _row(border, border)
    meta: dict[str, Any] = {"normalization": normalization}
    if class_names is not None:
        if isinstance(class_names, str) or len(class_names) != outputs:
            raise ValueError(
                f"class_names must be {outputs} names, one for each output, not {len(class_names)}"
            )
        names = _cell([str(name) for name in class_names])
        meta["classes"] = {"name": names, "description": names}
    return meta


def _filters(weight: Tensor) -> np.ndarray:
    """(out, in, height, width) as (height, width, in, out)."""
    return _array(weight.permute(2, 3, 1, 0))


def _column(values: Tensor | None) -> np.ndarray:
    return np.zeros((0, 0), np.float32) if values is None else _array(values).reshape(-1, 1)


def _row(*numbers: float) -> np.ndarray:
    return np.array([numbers], np.float64)


def _array(values: Tensor) -> np.ndarray:
    return values.detach().cpu().float().numpy()


def _pair(number: int | tuple[int, int]) -> tuple[int, int]:
    return (number, number) if isinstance(number, int) else tuple(number)


def _cell(values: Sequence[Any]) -> np.ndarray:
    cell = np.empty((1, len(values)), object)
    for index, value in enumerate(values):
        cell[0, index] = value
    return cell


def _save(path: Path, variables: dict[str, Any]) -> None:
    from scipy.io import savemat

    with written_whole(path) as temporary, temporary.open("wb") as file:
        savemat(file, variables, format="5", long_field_names=True)

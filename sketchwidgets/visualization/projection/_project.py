"""The public functions: `project`, and `record` for projecting one forward pass layer by layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ._autograd import AutogradPath
from ._errors import ProjectionError, UnsupportedOperation
from ._recorder import Forward, run_recorded
from ._result import LayerProjection, Projections, bounding_boxes
from ._rules import RULES
from ._sweep import Sweep
from ._switches import TIES
from ._units import strongest_units
from ._windows import Windows

_SEEDS = ("activation", "unit")
_NORMALIZATIONS = (None, "skip", "derivative")
_PATHS = ("auto", "windows", "autograd")

# Units that go down together. More do not make it faster, and each may need a map as large as the image.
_UNITS_AT_ONCE = 36


def project(
    model: nn.Module,
    images: Tensor,
    layers: str | Sequence[str] | None = None,
    top: int = 9,
    rule: str = "deconvnet",
    **options: Any,
) -> Projections:
    """Project the strongest units of many layers back to the pixels.

    For every image and layer, the `top` channels with the highest maximum are taken, each at the one
    position of its maximum, and what excites that unit is traced back to the input.

    Parameters
    ----------
    model : a convolutional network in eval mode. It is left as it is: no hook, no gradient, no flag changes.
    images : (n, C, H, W) floating point, as the model takes them, on the model's device.
    layers : names of `model.named_modules()`; a projection starts from that module's output, (n, c, h, w) or
        (n, c). Of a module that runs several times, the first output counts. None: the innermost module around
        every activation after a convolution whose map has more than one position.
    top : units per image, at least 1; at most as many as the layer has channels are returned.
    rule : "deconvnet" (Zeiler & Fergus 2014, section 2.1), "guided" (guided backpropagation, Springenberg et al.
        2015) or "backprop" (the gradient, Simonyan et al. 2013). See Grün et al. 2016, arXiv 1606.07757, figure 2.
    **options : `seed`, `ties`, `normalization` and `path`, as in `Recording.project`.

    Returns
    -------
    A mapping from layer name to `LayerProjection`, in the order of the forward pass.

    Raises
    ------
    ProjectionError : the model is in training mode, a layer does not exist, an operation has no stated way down
        under the rule, or the images do not fit.

    >>> net = sw.models.create("sketch_a_net", classes=250).eval()
    >>> result = sw.project(net, torch.rand(1, 1, 225, 225), top=4, rule="guided")
    >>> result["relu3"].images.shape
    torch.Size([1, 4, 1, 225, 225])
    """
    top = _check_choices(top, rule, **options)
    recording = _record(model, images, layers, None, stop_early=layers is not None)
    return Projections({layer: recording.project(layer, top, rule, **options) for layer in recording.layers})


def record(
    model: nn.Module,
    images: Tensor,
    layers: str | Sequence[str] | None = None,
    forward: Forward | None = None,
) -> "Recording":
    """Run a forward pass once and keep what projections of its layers need.

    The arguments are those of `project`; `forward(model, images)`, if given, is what runs instead of
    `model(images)`, for example `lambda net, x: net.features(x)`. No gradient graph is made.

    >>> net = sw.models.create("sketch_a_net", classes=250).eval()
    >>> recording = sw.record(net, torch.rand(1, 1, 225, 225), layers=["relu1", "relu2"])
    >>> recording.output.shape
    torch.Size([1, 250])
    >>> recording.project("relu2", top=9, rule="guided").boxes.shape
    torch.Size([1, 9, 4])
    """
    return _record(model, images, layers, forward, stop_early=False)


def _record(
    model: nn.Module,
    images: Tensor,
    layers: str | Sequence[str] | None,
    forward: Forward | None,
    stop_early: bool,
) -> "Recording":
    images = _check_images(images)
    names = _check_model(model, layers)
    return Recording(model, images, names, forward, stop_early)


class Recording:
    """One forward pass, ready to be projected from; made by `record`.

    output : what the forward returned.
    layers : the names of the layers that can be projected, in the order of the forward pass.

    It holds the rectified maps and switches on the way to these layers and refers to the weights, which
    must not change while it is in use. All of it is freed as soon as the recording is dropped.
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        layers: list[str] | None,
        forward: Forward | None,
        stop_early: bool,
    ) -> None:
        self._tape, outputs, self.output = run_recorded(model, images, layers, forward, stop_early)
        self._outputs = dict(sorted(outputs.items(), key=lambda item: item[1][0]))
        self._model = model
        self._images = images.detach().clone()  # for the autograd path; the caller may draw on
        self._forward = forward

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self._outputs)

    def __repr__(self) -> str:
        return f"Recording(images={tuple(self._images.shape)}, layers={', '.join(self.layers)})"

    def maps(self, layer: str) -> Tensor:
        """The output of a layer in this forward pass, (n, c, h, w) or (n, c)."""
        return self._output(layer)[1].tensor

    def project(
        self,
        layer: str,
        top: int = 9,
        rule: str = "deconvnet",
        *,
        seed: str = "activation",
        ties: str = "center",
        normalization: str | None = None,
        path: str = "auto",
    ) -> LayerProjection:
        """Project the strongest units of one layer; `layer`, `top` and `rule` as in `project`.

        seed : the signal that starts at the unit: its "activation", as in the paper, or "unit", 1.0, which
            makes a backprop projection the gradient of the activation. Under every rule the two differ by
            just that factor.
        ties : where several positions of a pooling window (or of a map, for the unit's position) hold the
            maximum, as on blank paper: the one nearest to the "center", without drift, or the "first" in
            row-major order, the one whose gradient PyTorch takes.
        normalization : "skip" local response normalization (and hold layer normalization's statistics
            fixed), or take its "derivative". None: skip for deconvnet, as in the paper, derivative
            otherwise.
        path : "windows", receptive-field windows; "autograd", PyTorch's backward pass, general and slow;
            "auto", windows where every operation on the way is known, else autograd. The results agree to
            rounding. A box is the receptive field on the first, and the smallest box around all non-zero
            pixels on the second.
        """
        top = _check_choices(top, rule, seed=seed, ties=ties, normalization=normalization, path=path)
        value, saved = self._output(layer)
        try:
            maps = saved.tensor
        except UnsupportedOperation as error:
            raise ProjectionError(f"layer {layer!r}: {error}") from None
        if maps.ndim not in (2, 4):
            raise ProjectionError(f"layer {layer!r} returns {tuple(maps.shape)}, not (n, c, h, w) or (n, c)")
        with torch.inference_mode(False), torch.no_grad():
            channels_last = self._tape.channels_last[value]
            by_channel = maps.permute(0, 3, 1, 2) if channels_last else maps
            channels, positions, activations = strongest_units(by_channel, top, ties)
            values = activations.clamp_min(0) if seed == "activation" else (activations > 0).to(maps.dtype)
            units = (channels, positions, values)
            try:
                windows, corners, boxes = self._project_units(
                    layer, value, units, rule, ties, normalization, path
                )
            except ProjectionError as error:
                raise ProjectionError(f"layer {layer!r}: {error}") from None
        return LayerProjection(
            layer,
            rule,
            windows,
            corners,
            boxes,
            channels,
            positions,
            activations,
            tuple(self._images.shape[2:]),
        )

    def _output(self, layer: str) -> Any:
        try:
            return self._outputs[layer]
        except KeyError:
            raise ProjectionError(
                f"layer {layer!r} was not recorded; there are {', '.join(self.layers)}"
            ) from None

    def _project_units(
        self,
        layer: str,
        value: int,
        units: tuple[Tensor, ...],
        rule: str,
        ties: str,
        normalization: str | None,
        path: str,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Windows (n, top, C, h, w), corners (n, top, 2) and boxes (n, top, 4) by the path that was asked for."""
        if path != "autograd":
            try:
                return self._by_windows(value, units, rule, ties, normalization)
            except UnsupportedOperation as error:
                if path == "windows":
                    raise ProjectionError(f"no windows through {error}") from None
        return self._by_autograd(layer, value, units, rule, ties, normalization)

    def _by_windows(
        self, value: int, units: tuple[Tensor, ...], rule: str, ties: str, normalization: str | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        if self._tape.broken:
            raise UnsupportedOperation(self._tape.broken)
        n, top = units[0].shape
        per_turn = max(1, _UNITS_AT_ONCE // top)
        parts = [
            self._sweep(value, [unit[i : i + per_turn] for unit in units], i, rule, ties, normalization)
            for i in range(0, n, per_turn)
        ]
        windows, corners, boxes = (
            torch.cat(part) if len(part) > 1 else part[0] for part in zip(*parts, strict=True)
        )
        return windows.unflatten(0, (n, top)), corners.view(n, top, 2), boxes.view(n, top, 4)

    def _sweep(
        self,
        value: int,
        units: list[Tensor],
        first_image: int,
        rule: str,
        ties: str,
        normalization: str | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Windows (units, C, h, w), their corners (units, 2) and boxes (units, 4) for some images' units."""
        channels, positions, values = units
        shape, size = self._tape.shapes[value], tuple(self._images.shape[2:])
        count = channels.numel()
        owners = np.repeat(np.arange(len(channels)) + first_image, channels.shape[1])
        unit, channel, strength = torch.arange(count), channels.flatten(), values.flatten()
        if len(shape) == 2:
            signal = values.new_zeros((count, shape[1]))
            signal[unit, channel] = strength
            seeds = Windows(signal)
        elif self._tape.channels_last[value]:
            signal = values.new_zeros((count, *shape[1:]))
            signal[unit, *positions.flatten(0, 1).T, channel] = strength
            seeds = Windows(signal)
        else:
            signal = values.new_zeros((count, shape[1], 1, 1))
            signal[unit, channel, 0, 0] = strength
            rows, columns = positions.flatten(0, 1).cpu().numpy().T
            seeds = Windows(signal, rows, columns, 1, 1, full=False)
        sweep = Sweep(self._tape, owners, rule, ties, normalization)
        down = sweep.down(value, seeds)
        if down is None:
            down = Windows(values.new_zeros((count, *self._images.shape[1:])))
        boxes = torch.from_numpy(down.boxes(size))
        if down.full:
            corners = torch.zeros((count, 2), dtype=torch.int64)
        else:
            corners = torch.from_numpy(np.stack([down.top, down.left], axis=1))
        return down.signal, corners, boxes

    def _by_autograd(
        self,
        layer: str,
        value: int,
        units: tuple[Tensor, ...],
        rule: str,
        ties: str,
        normalization: str | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        path = AutogradPath(self._model, self._images, [layer], rule, ties, normalization, self._forward)
        images = path.project(layer, *units, self._tape.channels_last[value])
        return images, torch.zeros((*images.shape[:2], 2), dtype=torch.int64), bounding_boxes(images).cpu()


def _check_images(images: Any) -> Tensor:
    if not isinstance(images, Tensor | np.ndarray):
        raise ProjectionError(f"images must be a tensor, not {type(images).__name__}")
    images = torch.as_tensor(images)
    if images.ndim != 4 or 0 in images.shape:
        hint = "; add an axis for one image: images[None]" if images.ndim == 3 else ""
        raise ProjectionError(f"images must be (n, C, H, W), not {tuple(images.shape)}{hint}")
    if not images.is_floating_point():
        raise ProjectionError(f"images must be floating point, not {images.dtype}")
    return images


def _check_model(model: Any, layers: str | Sequence[str] | None) -> list[str] | None:
    if not isinstance(model, nn.Module):
        raise ProjectionError(f"model must be a torch.nn.Module, not {type(model).__name__}")
    modules = dict(model.named_modules())
    for name, module in modules.items():
        if module.training:
            where = f"its module {name!r}" if name else "the model"
            raise ProjectionError(f"{where} is in training mode; call model.eval() first")
    if layers is None:
        return None
    names = [layers] if isinstance(layers, str) else list(dict.fromkeys(layers))
    for name in names:
        if name not in modules or not name:
            raise ProjectionError(f"the model has no layer {name!r}; see model.named_modules()")
    if not names:
        raise ProjectionError("layers is empty")
    return names


def _check_choices(
    top: int,
    rule: str,
    *,
    seed: str = "activation",
    ties: str = "center",
    normalization: str | None = None,
    path: str = "auto",
) -> int:
    for name, value, choices in (
        ("rule", rule, RULES),
        ("seed", seed, _SEEDS),
        ("ties", ties, TIES),
        ("normalization", normalization, _NORMALIZATIONS),
        ("path", path, _PATHS),
    ):
        if value not in choices:
            raise ProjectionError(f"{name} must be one of {', '.join(map(repr, choices))}, not {value!r}")
    if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 1:
        raise ProjectionError(f"top must be a whole number of at least 1, not {top!r}")
    return int(top)

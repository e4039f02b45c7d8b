"""Inversion: an image that a layer cannot tell from a given one."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from ._asked import given_images
from ._checks import check_range, check_whole
from ._errors import ReconstructionError
from ._inversions import Inversions
from ._loop import Callback, Loop, generators, normal
from ._probe import Probe, input_gradient
from ._result import Reconstruction, stacked_previews
from ._settings import INVERT_METHODS, InvertSettings, choose
from ._space import Subject, known_network, subject_of
from .maximize import master_dtype, shrunk
from .regularizers import alpha_norm, total_variation
from .schedules import StepSchedule, as_schedule

_LOSSES = ("l2", "l1", "inner")


def invert(
    model: Any,
    image: Any,
    layer: str | Sequence[str] | None,
    *,
    method: str | InvertSettings | None = None,
    loss: str = "l2",
    neighbourhood: int | None = None,
    filter_group: int | None = None,
    steps: int | None = None,
    repeats: int | None = None,
    seed: int = 0,
    start: str | Tensor | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    value_range: tuple[float, float] | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    preview_every: int | None = None,
    **options: Any,
) -> "Reconstruction | Inversions":
    """Find images whose features at a layer are those of a given image: what the layer still knows of it.

    With features F(x) of the image x in levels less their mean (see below), F0 those that are wanted and s the norm of
    the given image,

        E(x) = |F(x) - F0|^2 / |F0|^2 + [tv / 2 TV(x) + alpha_weight / 2 sum |x|^6] / s^2

    goes down from noise of norm s (Mahendran & Vedaldi, CVPR 2015, equation 4). Methods:

    "mahendran" : the settings of the paper's experiments: momentum 0.9, rates 0.004, 0.0004, 0.00004 for 100, 200 and
        100 steps, 4 repeats; tv is 1, 10 or 100 where the layer is in the first quarter of the network's convolutions and
        linear layers, in the second, or beyond, which are the paper's for AlexNet (but for its second pooling).
    "featurevis" : the energy of FeatureVis (Grün et al. 2016), with penalties per pixel, momentum 0.9 and 100 steps; the
        rate is ours. Its total variation is so strong that little but soft patches is left.
    "sketch", "photo" : for this package: Adam, levels clipped, less noise at the start; clear in 60 (drawings) or 120 steps.

    The published weights of the total variation are for photos. Thin lines on paper vary much more for their norm, so that
    with these weights drawings fade from the second layer on: use "sketch".

    Parameters
    ----------
    model : as for `maximize`. layer : a name of `model.named_modules()`, whose output may have any shape (n, ...), or
        None for what the model returns. Of several names, one after the other is inverted and `Inversions` returned.
    image : (1, C, H, W) or (C, H, W) as the network takes it; with a `sw.Network` also what its `prepare` takes.
    method : a name above or an `InvertSettings`; None: "photo" for 3 channels, else "sketch".
    loss : "l2", as above; "l1": sum |F - F0| / sum |F0|; "inner": -<F, F0> / |F0|^2.
    neighbourhood : compare only so many positions, by so many, around the centre of a map.
    filter_group : 1 or 2, compare only the first or the second half of the channels.
    steps : the method's schedule stretched over so many steps.
    repeats : images from different noise, seeds `seed`, `seed` + 1, ...
    start : "noise", "zero" or an image as the network takes it; None: the method's.
    mean, std, value_range, progress, callback, preview_every : as for `maximize`.
    **options : single settings of `InvertSettings`, such as `tv=10` or `schedule=((0.01, 50), (0.001, 50))`; `rate`
        multiplies all rates.

    Raises ReconstructionError (a ValueError) naming the argument or the layer, also where features do not depend on the
    image, are all 0, or the descent leaves the range of numbers; TypeError for an unknown setting.

    >>> network = sw.Network.of(None)  # the bundled recogniser of drawings
    >>> house = sw.Sketch([[(0, 40), (40, 0), (80, 40), (80, 90), (0, 90), (0, 40), (80, 40)]])
    >>> result = sw.invert(network, house, network.layers()[2], steps=10, progress=False)
    >>> bool(result.objective[-1, 0] < result.objective[0, 0])
    True
    >>> len(sw.invert(network, house, network.layers()[:2], steps=2, progress=False))
    2
    """
    model = known_network(model)
    wanted = _image(model, image)
    if not (layer is None or isinstance(layer, str)):
        if not isinstance(layer, Iterable):
            raise ReconstructionError(f"layer must be a name, several names or None, not {layer!r}")
        common = {"loss": loss, "neighbourhood": neighbourhood, "filter_group": filter_group, "steps": steps}
        common |= {"repeats": repeats, "seed": seed, "start": start, "mean": mean, "std": std}
        common |= {"value_range": value_range, "progress": progress, "callback": callback}
        common |= {"preview_every": preview_every, "method": method, **options}
        return _each(model, wanted, list(layer), common)
    subject = subject_of(model, mean, std, value_range, wanted.shape[1])
    if method is None:
        method = "photo" if subject.space.channels == 3 else "sketch"
    if isinstance(start, str):
        options["start"] = start
    elif not (start is None or isinstance(start, Tensor)):
        raise ReconstructionError(f"start must be 'zero', 'noise' or a tensor, not {type(start).__name__}")
    if repeats is not None:
        options["repeats"] = check_whole("repeats", repeats)
    factor = options.pop("rate", 1.0)
    check_range("rate", factor, 0, None)
    if "schedule" in options:
        options["schedule"] = as_schedule(options["schedule"], "schedule")
    settings = choose(INVERT_METHODS, method, options)
    schedule = settings.schedule if steps is None else settings.schedule.over(check_whole("steps", steps))
    schedule = as_schedule([(rate * factor, count) for rate, count in schedule.parts], "rate")
    if loss not in _LOSSES:
        raise ReconstructionError(f"loss must be one of {', '.join(map(repr, _LOSSES))}, not {loss!r}")
    seeds = [check_whole("seed", seed, least=0) + i for i in range(settings.repeats)]
    with torch.inference_mode(False), torch.enable_grad():
        mask = _Mask(neighbourhood, filter_group)
        descent = _Descent(subject, layer, wanted, settings, loss, mask)
        x = descent.first(start, seeds)
        loop = Loop(
            schedule.steps, subject.space, progress, callback, preview_every, "inverting", descent.probe.layer
        )
        x = descent.run(x, loop, schedule)
        with torch.no_grad():
            energy = descent.energy(x)
            error = descent.error(x)
    return Reconstruction(
        kind="invert",
        layer=descent.probe.layer,
        images=subject.space.to_inputs(x).to(descent.dtype),
        objective=torch.stack([*loop.objective, energy.cpu().double()]),
        previews=stacked_previews(loop.previews, x),
        preview_steps=tuple(loop.preview_steps),
        names=tuple(descent.probe.layer or "output" for _ in seeds),
        seeds=tuple(seeds),
        error=error.cpu().double(),
        target=wanted,
        method=method if isinstance(method, str) else "settings",
        settings=descent.settings,
        network=subject.name,
        space=subject.space,
        stopped=loop.stopped,
    )


def _each(model: Any, image: Tensor, layers: list[str], options: dict[str, Any]) -> Inversions:
    """One inversion after the other, until one is stopped."""
    if not layers:
        raise ReconstructionError("layer is empty")
    done: dict[str, Reconstruction] = {}
    for name in layers:
        done[name] = invert(model, image, name, **options)
        if done[name].stopped:
            break
    return Inversions(done)


class _Descent:
    """The steps of one inversion; x is (n, C, H, W) in levels less their mean."""

    def __init__(
        self,
        subject: Subject,
        layer: str | None,
        wanted: Tensor,
        settings: InvertSettings,
        loss: str,
        mask: "_Mask",
    ) -> None:
        self.subject, self.loss, self.mask = subject, loss, mask
        self.probe = Probe(subject.module, layer, "image")
        if settings.tv is None:
            settings = replace(settings, tv=tv_weight(subject.module, layer))
        device, self.dtype = subject.place()
        wanted = wanted.to(device)
        target = subject.space.from_inputs(wanted.to(master_dtype(self.dtype)))
        # A blank drawing has norm 0: then that of mid-grey.
        norm = float(target.norm()) or 128.0 * target.numel() ** 0.5
        self.settings = replace(settings, scale=norm) if settings.scale is None else settings
        self.norm = norm
        self.like = target
        with torch.no_grad():
            self.target = self.features(target)
        self.squared = float(self.target.square().sum())
        if not self.squared > 0 or not torch.isfinite(self.target).all():
            what = "all 0" if self.squared == 0 else "not finite"
            raise ReconstructionError(f"the features of image at {self.probe.name} are {what}")

    def first(self, start: str | Tensor | None, seeds: list[int]) -> Tensor:
        settings, size = self.settings, tuple(self.like.shape[1:])
        x = self.like.new_zeros((len(seeds), *size))
        if isinstance(start, Tensor):
            x = x + self.subject.space.from_inputs(given_images(start, size, len(seeds)).to(x))
        elif settings.start == "noise":
            x = normal(generators(seeds), size, x)
            x = x * (settings.noise * self.norm / x.flatten(1).norm(dim=1)).view(-1, 1, 1, 1)
        return self.subject.space.clip(x) if settings.clip else x

    def run(self, x: Tensor, loop: Loop, schedule: StepSchedule) -> Tensor:
        settings = self.settings
        velocity, squares, taken = torch.zeros_like(x), torch.zeros_like(x), 0
        for step in loop:
            rate = schedule.rate(step)
            gradient, energy = self.gradient(x)
            if settings.policy == "momentum":
                if schedule.changes(step):
                    velocity = torch.zeros_like(x)
                velocity = settings.momentum * velocity - rate * settings.scale**2 * gradient
                x = x + velocity
            else:
                taken += 1
                velocity = 0.9 * velocity + 0.1 * gradient
                squares = 0.99 * squares + 0.01 * gradient.square()
                m, v = velocity / (1 - 0.9**taken), squares / (1 - 0.99**taken)
                x = x - rate * m / (v.sqrt() + 1e-12 + 1e-3 * v.amax((1, 2, 3), keepdim=True).sqrt())
            if settings.shrink:
                x = shrunk(x, settings.shrink)
            if settings.clip:
                x = self.subject.space.clip(x)
            if not torch.isfinite(x).all():
                raise ReconstructionError(
                    f"the descent at {self.probe.name} left the range of numbers in step {step + 1}: "
                    "give a smaller rate, such as rate=0.1"
                )
            loop.done(step, energy, x)
        return x

    def gradient(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient of the energy, (n, C, H, W), and the energy, (n,)."""
        x = x.detach().requires_grad_()
        energy = self.energy(x)
        return input_gradient(energy.sum(), x, self.probe.name), energy.detach()

    def features(self, x: Tensor) -> Tensor:
        """The features that are compared, (n, ...)."""
        features = self.probe(self.subject.space.to_inputs(x).to(self.dtype))
        return self.mask(features, self.probe.name).to(x.dtype)

    def energy(self, x: Tensor) -> Tensor:
        """E(x) of each image, (n,)."""
        settings = self.settings
        pixels = x[0, 0].numel() if settings.per_pixel else 1
        penalty = x.new_zeros(len(x))
        if settings.tv:
            penalty = penalty + settings.tv / 2 * total_variation(x, settings.tv_beta)
        if settings.alpha_weight:
            penalty = penalty + settings.alpha_weight / 2 * alpha_norm(x, settings.alpha)
        return self._loss(self.features(x)) + penalty / pixels / settings.scale**2

    def _loss(self, features: Tensor) -> Tensor:
        if self.loss == "l1":
            return (features - self.target).abs().flatten(1).sum(1) / self.target.abs().sum()
        if self.loss == "inner":
            return -(features * self.target).flatten(1).sum(1) / self.squared
        return (features - self.target).square().flatten(1).sum(1) / self.squared

    def error(self, x: Tensor) -> Tensor:
        """|F(x) - F0|^2 / |F0|^2, (n,), whatever the loss."""
        return (self.features(x) - self.target).square().flatten(1).sum(1) / self.squared


class _Mask:
    """Which part of a layer is compared."""

    def __init__(self, neighbourhood: int | None, filter_group: int | None) -> None:
        self.neighbourhood = None if neighbourhood is None else check_whole("neighbourhood", neighbourhood)
        if filter_group not in (None, 1, 2):
            raise ReconstructionError(f"filter_group must be None, 1 or 2, not {filter_group!r}")
        self.filter_group = filter_group

    def __call__(self, features: Tensor, name: str) -> Tensor:
        if self.filter_group is not None:
            half = features.shape[1] // 2
            if not half:
                raise ReconstructionError(f"filter_group: {name} has one channel only")
            features = features[:, :half] if self.filter_group == 1 else features[:, half:]
        side = self.neighbourhood
        if side is not None:
            if features.ndim != 4:
                raise ReconstructionError(f"neighbourhood: {name} has no positions")
            height, width = features.shape[2:]
            if side > min(height, width):
                raise ReconstructionError(
                    f"neighbourhood must be at most {min(height, width)} at {name}, not {side}"
                )
            top, left = (height - side) // 2, (width - side) // 2
            features = features[:, :, top : top + side, left : left + side]
        return features


def tv_weight(module: nn.Module, layer: str | None) -> float:
    """1, 10 or 100 for a layer in the first or second quarter of the convolutions and linear layers, or beyond."""
    last = None if layer is None else dict(module.named_modules())[layer]
    inside = set() if last is None else set(last.modules())
    before = total = 0
    passed = last is None
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            total += 1
            before += 0 if passed and last is not None and part not in inside else 1
        if part is last:
            passed = True
    share = before / total if total else 1.0
    return 1.0 if share <= 0.25 else 10.0 if share <= 0.5 else 100.0


def _image(model: Any, image: Any) -> Tensor:
    """(1, C, H, W) as the network takes it."""
    if (
        isinstance(image, Tensor)
        and image.is_floating_point()
        and (image.ndim == 4 or not hasattr(model, "prepare"))
    ):
        image = image[None] if image.ndim == 3 else image
    elif not isinstance(model, nn.Module) and hasattr(model, "prepare"):
        image = model.prepare(image)
    else:
        kind = str(image.dtype) if isinstance(image, Tensor) else type(image).__name__
        raise ReconstructionError(
            f"image must be a floating-point tensor (1, C, H, W) as the network takes it, not {kind}; "
            "a Network prepares drawings, arrays and PIL images"
        )
    if image.ndim != 4 or len(image) != 1 or 0 in image.shape:
        raise ReconstructionError(f"image must be (1, C, H, W) or (C, H, W), not {tuple(image.shape)}")
    if not torch.isfinite(image).all():
        raise ReconstructionError("image has values that are not finite")
    return image.detach()

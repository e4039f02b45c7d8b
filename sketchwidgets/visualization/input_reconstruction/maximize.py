"""Activation maximisation: the image that excites a unit, a channel or a class most."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from ._asked import (
    Position,
    check_position,
    given_channels,
    given_images,
    given_seeds,
    given_shape,
    own_shape,
)
from ._errors import ReconstructionError
from ._loop import Callback, Loop, generators, normal
from ._natural import scale_colours, scale_spectrum
from ._probe import Probe, input_gradient
from ._result import Reconstruction, stacked_previews
from ._settings import MAXIMIZE_METHODS, MaximizeSettings, choose
from ._space import Subject, known_network, subject_of
from .regularizers import clip_small_contribution, clip_small_norm, gaussian_blur, total_variation
from .schedules import progress_rates


def maximize(
    model: Any,
    layer: str | None,
    channel: int | str | Sequence[int | str],
    position: Position = None,
    *,
    shape: Sequence[int] | None = None,
    like: Tensor | None = None,
    method: str | MaximizeSettings | None = None,
    steps: int | None = None,
    seed: int | Sequence[int] = 0,
    start: str | Tensor | None = None,
    mean: float | Sequence[float] | None = None,
    std: float | Sequence[float] | None = None,
    value_range: tuple[float, float] | None = None,
    progress: bool = True,
    callback: Callback | None = None,
    preview_every: int | None = None,
    **options: Any,
) -> Reconstruction:
    """Climb from a blank or noisy image to one that excites a unit of a network most.

    The published methods and their settings, and two made for this package, which give the clearest pictures:

    "simonyan" : class score less lambda |x|^2, from the mean image (Simonyan et al. 2013, section 2; the paper states no
        lambda and no rate).
    "yosinski-a" ... "yosinski-d" : the four sets of Yosinski et al. 2015 for decay, blur, clipping of pixels of small
        norm and of small contribution, of 500 to 1000 steps; c is the one they mostly used. Their rates are for photos:
        on blank paper gradients are much smaller, and a to c need about rate=3e6 of the default recogniser there, and
        rate=1e7 of the one with Sketch-a-Net.
    "sketch" : for networks that see drawings: steps of one length with momentum, jitter, blur, and a pull towards
        blank paper, so that ink stays only where it helps.
    "photo" : for networks that see photos: steps in the scaling of natural images (Olah et al. 2017), jitter, blur.

    Parameters
    ----------
    model : a torch.nn.Module in eval mode, a `sw.Network`, a `sw.Recognizer` (its CNN), or None for the bundled
        recogniser. It is not changed. Only the image has a gradient. A Network also knows
        shape, mean, std and class names.
    layer : a name of `model.named_modules()` whose output is (n, c, h, w) or (n, c); None: what the model returns, so
        that channels are classes. Should that be probabilities, name the layer before the softmax.
    channel : one or more, by number, or by class name where a Network has them. All are climbed as one batch.
    position : of the unit on a map. None: the centre; (row, column); "all": the mean over the map, which excites the
        channel everywhere.
    shape : (C, H, W) of an image; or `like`, an image (C, H, W) or (n, C, H, W) of that shape. Neither: the Network's,
        or the module's `input_size`.
    method : one of the names above or a `MaximizeSettings`; None: "photo" for 3 input channels, else "sketch".
    steps : instead of the method's.
    seed : or several; each gives an image of its own for every channel. The same seed gives the same image, to
        rounding whatever is climbed beside it.
    start : "zero", "noise" or an image as the network takes it, (C, H, W) or (n, C, H, W); None: the method's.
    mean, std, value_range : input = (value - mean) / std of values in that range, as (0, 255) or by default (0, 1);
        by them the published rates and the clipping to 0..255 apply to any network: the image is optimised in grey
        levels less their mean, x = (value - mean) * 255 / (high - low), and the network sees x scaled to its input.
    progress : show a bar. callback : called with a `ReconstructionState` after each step; returning False ends
        the climb, and what there is so far is returned.
    preview_every : steps between the previews that are kept; None: 8 in all.
    **options : single settings of `MaximizeSettings`, such as `jitter=4` or `blur_radius=1`.

    Where a unit is dead at the start, so that no gradient shows the way, noise of growing size is added until it is not.

    Returns a `Reconstruction` with one image for each channel and seed, all seeds of the first channel first.

    Raises ReconstructionError (a ValueError) naming the argument or the layer, TypeError for an unknown setting.

    >>> network = sw.Network.of(None)  # the bundled recogniser of drawings
    >>> result = sw.maximize(network, None, ["cat", "house"], steps=40, progress=False)
    >>> result.images.shape[:2], bool((result.objective[-1] > result.objective[0]).all())
    (torch.Size([2, 1]), True)
    """
    model = known_network(model)
    said = given_shape(shape, like, start)
    subject = subject_of(model, mean, std, value_range, said and said[1][0])
    if method is None:
        method = "photo" if subject.space.channels == 3 else "sketch"
    if steps is not None:
        options["steps"] = steps
    if isinstance(start, str):
        options["start"] = start
    settings = choose(MAXIMIZE_METHODS, method, options)
    channels, seeds = given_channels(channel, subject), given_seeds(seed)
    units = [(one, number) for one in channels for number in seeds]
    argument, size = said or ("inputs of the model's own size and channels", own_shape(subject))
    with torch.inference_mode(False), torch.enable_grad():
        climb = _Climb(subject, layer, [one for one, _ in units], position, settings, argument)
        sources = generators([number for _, number in units])
        x = climb.first(start, size, sources)
        loop = Loop(
            settings.steps, subject.space, progress, callback, preview_every, "maximising", climb.probe.layer
        )
        x = climb.run(x, loop, sources)
        with torch.no_grad():
            guide, activation = climb.activation(x)
            objective = guide - climb.penalty(x)
    return Reconstruction(
        kind="maximize",
        layer=climb.probe.layer,
        images=subject.space.to_inputs(x).to(subject.place()[1]),
        objective=torch.stack([*loop.objective, objective.cpu().double()]),
        previews=stacked_previews(loop.previews, x),
        preview_steps=tuple(loop.preview_steps),
        names=tuple(_name(one, subject, climb) for one, _ in units),
        seeds=tuple(number for _, number in units),
        channels=tuple(one for one, _ in units),
        position=climb.position if climb.is_map else None,
        activation=activation.cpu().double(),
        dead=climb.dead,
        method=method if isinstance(method, str) else "settings",
        settings=settings,
        network=subject.name,
        space=subject.space,
        stopped=loop.stopped,
    )


class _Climb:
    """The steps of one maximisation; x is (n, C, H, W) in levels less their mean."""

    def __init__(
        self,
        subject: Subject,
        layer: str | None,
        channels: list[int],
        position: Position,
        settings: Any,
        argument: str,
    ) -> None:
        self.subject = subject
        self.probe = Probe(subject.module, layer, argument)
        self.channels = torch.tensor(channels)
        self.position: Any = check_position(position)
        self.settings = settings
        self.dtype = subject.place()[1]
        self.dead = torch.zeros(len(channels), dtype=torch.bool)
        self.layer_shape: tuple[int, ...] = ()

    @property
    def is_map(self) -> bool:
        """Whether the layer has more than one position; known after the first forward."""
        return len(self.layer_shape) == 3 and self.layer_shape[1:] != (1, 1)

    def first(
        self, start: str | Tensor | None, size: tuple[int, ...], sources: list[torch.Generator]
    ) -> Tensor:
        """The image to climb from, with noise where the unit would be dead."""
        space, settings = self.subject.space, self.settings
        device, dtype = self.subject.place()
        x = torch.zeros((len(sources), *size), device=device, dtype=master_dtype(dtype))
        if isinstance(start, Tensor):
            x = x + space.from_inputs(given_images(start, size, len(sources)).to(x))
        elif settings.start == "noise":
            x = settings.noise * normal(sources, size, x)
        x = space.clip(x) if settings.clip else x
        noise = max(settings.noise, 1.0)
        for _ in range(6):
            gradient, _, _ = self.gradient(x)
            self.dead = (gradient == 0).flatten(1).all(1).cpu()
            if not self.dead.any():
                break
            noisy = x + noise * normal(sources, size, x)
            x = torch.where(self.dead.to(device).view(-1, 1, 1, 1), noisy, x)
            x = space.clip(x) if settings.clip else x
            noise *= 2
        return x.detach()

    def run(self, x: Tensor, loop: Loop, sources: list[torch.Generator]) -> Tensor:
        settings, space = self.settings, self.subject.space
        direction = torch.zeros_like(x)
        for step in loop:
            shifts = [_shift(source, settings.jitter) for source in sources]
            gradient, activation, penalty = self.gradient(x, shifts)
            gradient = self._scaled(gradient)
            direction = settings.momentum * direction + self._length(gradient, step) * gradient
            x = x + direction
            if settings.decay:
                x = x * (1 - settings.decay)
            if settings.shrink:
                x = shrunk(x, settings.shrink)
            if settings.blur_radius and step % settings.blur_every == 0:
                x = gaussian_blur(x, settings.blur_radius)
            if settings.norm_percentile:
                x = clip_small_norm(x, settings.norm_percentile)
            if settings.contribution_percentile:
                x = clip_small_contribution(x, gradient, settings.contribution_percentile)
            if settings.clip:
                x = space.clip(x)
            loop.done(step, activation - penalty, x)
        return x

    def _scaled(self, gradient: Tensor) -> Tensor:
        """The gradient as it is in the coordinates of natural images, if that is wanted."""
        if self.settings.gradient_power:
            gradient = scale_spectrum(gradient, self.settings.gradient_power)
        if self.settings.natural_colours:
            gradient = scale_colours(gradient, self.subject.space.channel_order)
        return gradient

    def _length(self, gradient: Tensor, step: int) -> Tensor:
        """What the gradient is multiplied with, (n, 1, 1, 1)."""
        settings = self.settings
        rate = settings.rate
        if settings.final_rate is not None and settings.steps > 1:
            rate *= (settings.final_rate / settings.rate) ** (step / (settings.steps - 1))
        if settings.policy == "progress":
            rates = progress_rates(gradient, settings.desired_progress, rate)
        elif settings.policy == "normalized":
            norms = gradient.flatten(1).norm(dim=1)
            rates = torch.where(norms > 0, rate / norms, 0)
        else:
            rates = gradient.new_full((len(gradient),), rate)
        return rates.view(-1, 1, 1, 1)

    def gradient(
        self, x: Tensor, shifts: list[tuple[int, int]] | None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        """The gradient of activation less penalty, (n, C, H, W), and both, (n,) each."""
        x = x.detach().requires_grad_()
        activation, _ = self.activation(rolled(x, shifts) if shifts and any(map(any, shifts)) else x)
        penalty = self.penalty(x)
        gradient = input_gradient((activation - penalty).sum(), x, self.probe.name)
        if not torch.isfinite(gradient).all():
            raise ReconstructionError(
                f"the gradient of {self.probe.name} is not finite; a smaller rate may help"
            )
        return gradient, activation.detach(), penalty.detach()

    def activation(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What is climbed, (n,), and what the unit gives, (n,): the same, but for a dead unit behind a rectifier.

        Of such a unit, what comes into the rectifier is climbed, until it is above 0.
        """
        output, alive = self.probe.with_rectified(self.subject.space.to_inputs(x).to(self.dtype))
        self._check_output(output)
        each = torch.arange(len(output))
        values, guides = output[each, self.channels].to(x.dtype), alive[each, self.channels].to(x.dtype)
        if values.ndim == 1:
            return guides, values
        if self.position == "all":
            mean = values.mean((1, 2))
            return torch.where(mean > 0, mean, guides.mean((1, 2))), mean
        return guides[:, *self.position], values[:, *self.position]

    def _check_output(self, output: Tensor) -> None:
        name = self.probe.name
        if output.ndim not in (2, 4):
            raise ReconstructionError(f"{name} returns {tuple(output.shape)}, not (n, c, h, w) or (n, c)")
        self.layer_shape = tuple(output.shape[1:])
        most = int(self.channels.max())
        if most >= output.shape[1]:
            raise ReconstructionError(
                f"channel must be below {output.shape[1]}, the channels of {name}, not {most}"
            )
        if output.ndim == 2:
            if self.position not in (None, "all"):
                raise ReconstructionError(f"{name} has no positions: leave position out")
            return
        height, width = output.shape[2:]
        if self.position is None:
            self.position = (height // 2, width // 2)
        if self.position != "all":
            row, column = self.position
            if not (0 <= row < height and 0 <= column < width):
                raise ReconstructionError(
                    f"position {self.position} is outside of the {height} x {width} map of {name}"
                )

    def penalty(self, x: Tensor) -> Tensor:
        """lambda |x|^2 + tv TV(x), (n,)."""
        settings = self.settings
        total = x.new_zeros(len(x))
        if settings.l2:
            total = total + settings.l2 * x.square().flatten(1).sum(1)
        if settings.tv:
            total = total + settings.tv * total_variation(x, settings.tv_beta)
        return total


def master_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype in which an image is optimised: of a half-precision network, still float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def shrunk(x: Tensor, amount: float) -> Tensor:
    """x with every value moved towards 0 by `amount`, at most to it: the proximal step of an L1 penalty."""
    return x.sign() * (x.abs() - amount).clamp_min(0)


def rolled(x: Tensor, shifts: list[tuple[int, int]]) -> Tensor:
    """Each image shifted down and right by its (rows, columns), around the border."""
    return torch.stack([image.roll(shift, (1, 2)) for image, shift in zip(x, shifts, strict=True)])


def _shift(source: torch.Generator, jitter: int) -> tuple[int, int]:
    if not jitter:
        return 0, 0
    down, right = torch.randint(-jitter, jitter + 1, (2,), generator=source).tolist()
    return down, right


def _name(channel: int, subject: Subject, climb: _Climb) -> str:
    """What a picture is called: its class where the layer has one output a class, else its channel."""
    if subject.classes is not None and not climb.is_map and climb.layer_shape[0] == len(subject.classes):
        return subject.classes[channel]
    return f"channel {channel}" if climb.probe.layer else f"output {channel}"

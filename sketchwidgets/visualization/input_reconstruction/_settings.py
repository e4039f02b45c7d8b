"""Settings of the methods: those that were published, and those made here for drawings and for photos."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

from ._checks import check_choice, check_range, check_whole
from ._errors import ReconstructionError
from .schedules import StepSchedule


@dataclass(frozen=True)
class MaximizeSettings:
    """How `maximize` climbs. Lengths, rates and penalties are for images x in grey levels, 0..255 less the mean.

    One step: the gradient g of the activation less `l2` |x|^2 less `tv` TV(x); the step by `policy`; then, in this order,
    decay, shrink, blur, the two clippings; before the next step levels are clipped to 0..255.

    steps : gradient steps.
    policy : "constant", x += rate g; "progress", x += min(rate, desired_progress / |g|^2) g (Yosinski); "normalized",
        x += rate g / |g|, each step of one length whatever the scale of the network.
    rate : the rate, the largest rate, or the length of a step. final_rate : what it has become at the last step, evenly in
        its logarithm; None: it stays.
    momentum : share of the last step's direction that is added.
    l2 : lambda of Simonyan et al. 2013. tv, tv_beta : total variation (see `total_variation`).
    decay : share of x taken off after each step.
    shrink : levels by which every pixel moves towards x = 0 after each step (the proximal step of an L1 penalty): what
        brings nothing goes back to blank paper.
    blur_radius, blur_every : Gaussian blur of that deviation, in pixels, every so many steps, the first included.
    norm_percentile, contribution_percentile : pixels below are set to 0 (see `clip_small_norm`, `clip_small_contribution`).
    jitter : the image is shifted by up to so many pixels, another way in each step, around the border.
    gradient_power : the gradient's spectrum is divided by frequency^power: 0 for none; 1 climbs as if the image were
        given by its Fourier coefficients, scaled as in natural images (Olah et al. 2017).
    natural_colours : climb as if the image were given by the directions in which colours vary in natural photos, each
        scaled by how much (Olah et al. 2017); for 3 channels only.
    start : "zero", x = 0: the mean image, or blank paper; "noise": N(0, noise).
    noise : standard deviation in levels of the noise of the start.
    clip : whether levels are clipped to 0..255.
    """

    steps: int = 200
    policy: str = "constant"
    rate: float = 100.0
    final_rate: float | None = None
    desired_progress: float = 2.0
    momentum: float = 0.0
    l2: float = 0.0
    tv: float = 0.0
    tv_beta: float = 2.0
    decay: float = 0.0
    shrink: float = 0.0
    blur_radius: float = 0.0
    blur_every: int = 4
    norm_percentile: float = 0.0
    contribution_percentile: float = 0.0
    jitter: int = 0
    gradient_power: float = 0.0
    natural_colours: bool = False
    start: str = "noise"
    noise: float = 10.0
    clip: bool = True

    def __post_init__(self) -> None:
        check_choice("policy", self.policy, ("constant", "progress", "normalized"))
        check_choice("start", self.start, ("zero", "noise"))
        for name in ("steps", "blur_every"):
            check_whole(name, getattr(self, name), 1)
        check_whole("jitter", self.jitter, 0)
        for name in ("rate", "desired_progress", "tv_beta"):
            check_range(name, getattr(self, name), 0, None, open_low=True)
        if self.final_rate is not None:
            check_range("final_rate", self.final_rate, 0, None, open_low=True)
        for name in ("l2", "tv", "shrink", "blur_radius", "noise", "gradient_power"):
            check_range(name, getattr(self, name), 0, None)
        for name in ("momentum", "decay"):
            check_range(name, getattr(self, name), 0, 1)
        for name in ("norm_percentile", "contribution_percentile"):
            check_range(name, getattr(self, name), 0, 100)


MAXIMIZE_METHODS: Mapping[str, MaximizeSettings] = {
    # The paper gives neither lambda nor a rate.
    "simonyan": MaximizeSettings(
        steps=200, policy="progress", rate=1e6, desired_progress=0.3, l2=1e-7, start="zero", clip=False
    ),
    # doc/running-optimize-image.md of the authors' toolbox; figure 4 of the paper.
    "yosinski-a": MaximizeSettings(
        steps=500, policy="progress", rate=100, blur_radius=0.5, blur_every=4, norm_percentile=50
    ),
    "yosinski-b": MaximizeSettings(steps=750, rate=100, decay=0.3, norm_percentile=20),
    "yosinski-c": MaximizeSettings(steps=1000, rate=100, decay=1e-4, blur_radius=1.0, blur_every=4),
    "yosinski-d": MaximizeSettings(
        steps=1000, policy="progress", rate=1e8, blur_radius=0.5, blur_every=4, contribution_percentile=90
    ),
    "sketch": MaximizeSettings(
        steps=120,
        policy="normalized",
        rate=500,
        final_rate=100,
        momentum=0.9,
        shrink=0.5,
        blur_radius=0.6,
        blur_every=4,
        jitter=8,
        start="zero",
    ),
    "photo": MaximizeSettings(
        steps=150,
        policy="normalized",
        rate=600,
        momentum=0.9,
        decay=0.02,
        blur_radius=0.8,
        blur_every=4,
        jitter=16,
        gradient_power=1.0,
        natural_colours=True,
    ),
}


# experiments/experiment_cnn.m of the authors' deep-goggle.
_PUBLISHED = StepSchedule(((0.004, 100), (0.0004, 200), (0.00004, 100)))


@dataclass(frozen=True)
class InvertSettings:
    """How `invert` descends. Lengths, rates and penalties are for images x in grey levels, 0..255 less the mean.

    The energy is E(x) = loss + [tv / 2 TV(x) + alpha_weight / 2 sum |x|^alpha] / s^2, s the norm of a typical image.

    schedule : (rate, steps) pairs. momentum : of gradient descent.
    policy : "momentum", the paper's: v <- momentum v - rate s^2 dE/dx, x <- x + v, v starting from 0 whenever the rate
        changes; "adam": x -= rate m / sqrt(v) with decay 0.9 and 0.99, the rate in levels.
    tv : weight of the total variation; None: 1, 10 or 100 by the depth of the layer. tv_beta : see `total_variation`.
    alpha, alpha_weight : the norm that keeps levels in range.
    shrink : levels by which every pixel moves towards x = 0 after each step, as in `MaximizeSettings`.
    start : "noise", N(0, 1) scaled to norm `noise` s; "zero".
    clip : whether levels are clipped to 0..255.
    scale : s; None: the norm of the image that is inverted. per_pixel : divide both penalties by the number of
        pixels.
    repeats : reconstructions from different noise, made as one batch.
    """

    schedule: StepSchedule = _PUBLISHED
    policy: str = "momentum"
    momentum: float = 0.9
    tv: float | None = None
    tv_beta: float = 2.0
    alpha: float = 6.0
    alpha_weight: float = 8e-10
    shrink: float = 0.0
    start: str = "noise"
    noise: float = 1.0
    clip: bool = False
    scale: float | None = None
    per_pixel: bool = False
    repeats: int = 4

    def __post_init__(self) -> None:
        check_choice("policy", self.policy, ("momentum", "adam"))
        check_choice("start", self.start, ("zero", "noise"))
        check_range("momentum", self.momentum, 0, 1)
        check_whole("repeats", self.repeats, 1)
        for name in ("tv_beta", "alpha"):
            check_range(name, getattr(self, name), 0, None, open_low=True)
        for name in ("alpha_weight", "shrink", "noise"):
            check_range(name, getattr(self, name), 0, None)
        if self.tv is not None:
            check_range("tv", self.tv, 0, None)
        if self.scale is not None:
            check_range("scale", self.scale, 0, None, open_low=True)


INVERT_METHODS: Mapping[str, InvertSettings] = {
    "mahendran": InvertSettings(),
    # The published code has no rate: it uses the gradient as it is, which in grey levels moves nothing in 100 steps.
    # This rate is half of the largest at which the total variation does not swing.
    "featurevis": InvertSettings(
        schedule=StepSchedule(((1e4, 100),)),
        tv=2 / (128**2 * 0.01**2),
        alpha_weight=2 / 128**6,
        scale=1.0,
        per_pixel=True,
        noise=0.1,
        repeats=1,
    ),
    "sketch": InvertSettings(
        schedule=StepSchedule(((48.0, 35), (12.0, 25))),
        policy="adam",
        tv=0.1,
        alpha_weight=0.0,
        start="noise",
        shrink=1.0,
        noise=0.1,
        clip=True,
        repeats=1,
    ),
    "photo": InvertSettings(
        schedule=StepSchedule(((8.0, 70), (2.0, 50))),
        policy="adam",
        alpha_weight=0.0,
        noise=0.05,
        clip=True,
        repeats=1,
    ),
}

Settings = TypeVar("Settings", MaximizeSettings, InvertSettings)


def choose(methods: Mapping[str, Settings], method: "str | Settings", options: Mapping[str, Any]) -> Settings:
    """The settings of a method's name, or given settings, with some fields replaced."""
    if isinstance(method, str):
        if method not in methods:
            raise ReconstructionError(
                f"method must be one of {', '.join(map(repr, methods))}, not {method!r}"
            )
        settings = methods[method]
    elif isinstance(method, type(next(iter(methods.values())))):
        settings = method
    else:
        kind = type(next(iter(methods.values()))).__name__
        raise ReconstructionError(f"method must be a name or {kind}, not {type(method).__name__}")
    known = [field.name for field in fields(settings)]
    for name in options:
        if name not in known:
            raise TypeError(f"unknown setting {name!r}; there are {', '.join(known)}")
    return replace(settings, **options)

"""How many drawings are shown and measured, and which networks are taught for a table."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from sketchwidgets.models._checks import check_whole
from sketchwidgets.studies._settings import slug_of
from sketchwidgets.studies._small_recipe import small_recipe
from sketchwidgets.training import Recipe, Views, fine_tuning_recipe

LITE = "efficientnet_lite0"


@dataclass(frozen=True)
class PicturePlan:
    """The drawings of a picture table: the first, in a random order, that are named right, each of another class.

    shown : how many there are in the table. measured : on how many, these first, maps are measured.

    Raises ValueError for numbers out of range.
    """

    shown: int = 6
    measured: int = 16
    seed: int = 0
    scale: str = field(default="own", compare=False)

    def __post_init__(self) -> None:
        if not 1 <= self.shown <= self.measured:
            raise ValueError(f"shown must be from 1 to measured, {self.measured}, not {self.shown}")
        if self.seed < 0:
            raise ValueError(f"seed must be at least 0, not {self.seed}")

    @classmethod
    def small(cls, seed: int = 0) -> "PicturePlan":
        """A few minutes of one core."""
        return cls(seed=seed, scale="small")

    @classmethod
    def full(cls, seed: int = 0) -> "PicturePlan":
        """More drawings to measure on."""
        return cls(shown=8, measured=300, seed=seed, scale="full")

    def to_dict(self) -> dict[str, Any]:
        """What the rows depend on, as JSON values."""
        return {"shown": self.shown, "measured": self.measured, "seed": self.seed, "scale": None}


@dataclass(frozen=True)
class TaughtNetwork:
    """A network that is taught drawings for the table.

    name : in the table. network : of `sw.models.list()`; or "efficientnet_lite0", which has learnt photographs.
    arguments : of `sw.models.create`, JSON values, but for the classes. side : of its input, in pixels.
    recipe : how it is taught. about : what it is, in a few words.
    """

    name: str
    network: str
    recipe: Recipe
    side: int = 224
    arguments: Mapping[str, Any] = field(default_factory=dict)
    about: str = ""

    def __post_init__(self) -> None:
        check_whole("side", self.side, 1)
        if not slug_of(self.name):
            raise ValueError("name must not be empty")

    def to_dict(self) -> dict[str, Any]:
        """The fields, as JSON values."""
        values = {**vars(self), "arguments": dict(self.arguments), "recipe": self.recipe.to_dict()}
        return json.loads(json.dumps(values))


@dataclass(frozen=True)
class NetworkPlan(PicturePlan):
    """A picture table of networks, and those that are taught for it.

    taught : networks that learn the drawings first. classes : that they learn, so many at random, and that the drawings of
        the table are of; None for all. per_class : drawings of each that they learn from; None for all but the held-out
        ones.

    Raises ValueError for numbers out of range, and for two networks of one name.
    """

    taught: tuple[TaughtNetwork, ...] = ()
    classes: int | None = None
    per_class: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("classes", self.measured), ("per_class", 1)):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), least)
        slugs = [slug_of(one.name) for one in self.taught]
        twice = [slug for slug in slugs if slugs.count(slug) > 1]
        if twice:
            raise ValueError(f"taught has two networks called {twice[0]!r}")

    @classmethod
    def small(cls, seed: int = 0) -> "NetworkPlan":
        """An hour of one core: the four networks of the field from random weights, and one that has learnt photographs.

        30 classes of 240 drawings, 128 pixels, four passes, two of fine-tuning; VGG-16 has a quarter of its channels.
        """
        views = Views(size=144, test="centre")
        recipe = small_recipe(4, 48, label_smoothing=0.05, gradient_clip=5.0, views=views, seed=seed)
        gently = replace(recipe, epochs=2, learning_rate=5e-4)
        grey = {"channels": 1}
        scratch = "from random weights"
        taught = (
            TaughtNetwork("AlexNet", "alexnet_sketch", recipe, 128, grey, scratch),
            TaughtNetwork(
                "VGG-16",
                "vgg16_sketch",
                recipe,
                128,
                grey | {"width": 0.25},
                f"a quarter of its channels, {scratch}",
            ),
            TaughtNetwork("GoogLeNet", "googlenet_sketch", recipe, 128, grey, scratch),
            TaughtNetwork("ResNet-18", "resnet18_sketch", recipe, 128, grey, scratch),
            TaughtNetwork(
                "EfficientNet-Lite0, fine-tuned", LITE, gently, 128, about="from the weights of photographs"
            ),
        )
        return cls(seed=seed, scale="small", taught=taught, classes=30, per_class=240)

    @classmethod
    def full(cls, seed: int = 0) -> "NetworkPlan":
        """All classes and drawings, from ImageNet weights, which are downloaded; for a GPU."""
        recipe = fine_tuning_recipe(seed=seed)
        start = {"pretrained": "imagenet"}
        names = {
            "AlexNet": "alexnet_sketch",
            "VGG-16": "vgg16_sketch",
            "GoogLeNet": "googlenet_sketch",
            "ResNet-18": "resnet18_sketch",
            "ResNet-50": "resnet50_sketch",
        }
        about = "fine-tuned from the weights of photographs"
        taught = [TaughtNetwork(name, network, recipe, 224, start, about) for name, network in names.items()]
        taught.append(TaughtNetwork("EfficientNet-Lite0, fine-tuned", LITE, recipe, 224, about=about))
        return cls(shown=8, measured=300, seed=seed, scale="full", taught=tuple(taught))

    def to_dict(self) -> dict[str, Any]:
        """What all rows depend on, as JSON values."""
        chosen = {"classes": self.classes, "per_class": self.per_class}
        return super().to_dict() | {key: value for key, value in chosen.items() if value is not None}

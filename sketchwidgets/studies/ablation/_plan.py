"""The twelve networks of the table, and how they are trained at two scales."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from torch import nn

from sketchwidgets.models import create
from sketchwidgets.models._checks import check_choice, check_whole
from sketchwidgets.studies._small_recipe import small_recipe
from sketchwidgets.training import Recipe, Views, zeiler_recipe

_CONV, _WIDE = (96, 256, 384, 384, 256), (96, 256, 512, 1024, 512)
_INPUT = {"alexnet": 227, "zfnet": 224}


@dataclass(frozen=True)
class Variant:
    """A row of the table: one of the two networks, without some layers or with other widths.

    name : as it stands in the table. network : "alexnet" or "zfnet". without : numbers of the layers left out.
    fc : units of layers 6 and 7. conv : maps of layers 1 to 5. Both as published, before a plan narrows them.
    seed : added to that of the plan, for what is random in training.

    >>> sw.studies.Variant("AlexNet, 7 removed", "alexnet", without=(7,)).fc
    4096
    """

    name: str
    network: str
    without: tuple[int, ...] = ()
    fc: int = 4096
    conv: tuple[int, ...] = _CONV
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("network", self.network, tuple(_INPUT))
        check_whole("seed", self.seed, 0)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values; the seed only where it is another one than the plan's."""
        # Rows on a disk that were measured before there was a choice stay what they are.
        return {name: value for name, value in asdict(self).items() if name != "seed" or value}


TABLE = (
    Variant("AlexNet", "alexnet"),
    Variant("AlexNet, 3 and 4 removed", "alexnet", without=(3, 4)),
    Variant("AlexNet, 7 removed", "alexnet", without=(7,)),
    Variant("AlexNet, 6 and 7 removed", "alexnet", without=(6, 7)),
    Variant("AlexNet, 3, 4, 6 and 7 removed", "alexnet", without=(3, 4, 6, 7)),
    Variant("AlexNet, 6 and 7 of 2048", "alexnet", fc=2048),
    Variant("AlexNet, 6 and 7 of 8192", "alexnet", fc=8192),
    Variant("ZFNet", "zfnet"),
    Variant("ZFNet, 6 and 7 of 2048", "zfnet", fc=2048),
    Variant("ZFNet, 6 and 7 of 8192", "zfnet", fc=8192),
    Variant("ZFNet, 3 to 5 of 512, 1024, 512", "zfnet", conv=_WIDE),
    Variant("ZFNet, 3 to 5 of 512, 1024, 512, 6 and 7 of 8192", "zfnet", conv=_WIDE, fc=8192),
)

ANOTHER_SEED = ", another seed"
SEEDS = (
    Variant(f"AlexNet{ANOTHER_SEED}", "alexnet", seed=1),
    Variant(f"ZFNet{ANOTHER_SEED}", "zfnet", seed=1),
)
"""Both networks once more, to see what training anew does to a row."""


@dataclass(frozen=True)
class LayerRemovalPlan:
    """What is trained, on what part of the data, and what it is measured on.

    recipe : how each network is trained, from scratch. variants : the rows.
    narrowed : what all widths of the variants are divided by. side : of ZFNet's input; AlexNet's is 3 pixels more, as
        224 and 227 in the papers. channels : of the input.
    classes : how many, drawn at random; None for all. per_class : training pictures of each, None for all there are.
    measured : validation pictures of each class, None for all. watched : training pictures, of all classes together,
        that the training error is measured on.

    Raises ValueError for values out of range, two rows of one name, and widths that cannot be divided.
    """

    recipe: Recipe
    variants: tuple[Variant, ...] = TABLE
    narrowed: int = 1
    side: int = 224
    channels: int = 3
    classes: int | None = None
    per_class: int | None = None
    measured: int | None = None
    watched: int = 50_000
    seed: int = 0
    scale: str = field(default="own", compare=False)

    def __post_init__(self) -> None:
        for name in ("narrowed", "side", "channels", "watched"):
            check_whole(name, getattr(self, name), 1)
        for name, least in (("classes", 2), ("per_class", 1), ("measured", 1)):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), least)
        check_whole("seed", self.seed, 0)
        names = [variant.name for variant in self.variants]
        if not names:
            raise ValueError("variants must not be empty")
        if len(set(names)) < len(names):
            raise ValueError(f"two variants are called {next(n for n in names if names.count(n) > 1)!r}")
        for variant in self.variants:
            self._narrow((*variant.conv, variant.fc))

    @classmethod
    def small(cls, seed: int = 0) -> "LayerRemovalPlan":
        """About a minute of one core for each network: 30 classes of drawings, 4 passes, a quarter of all widths.

        Inputs are 3/7 of the published ones, pictures too: 96, 99 and 110 pixels for 224, 227 and 256. Both whole
        networks are trained twice.
        """
        views = Views(size=110, test="centre")
        recipe = small_recipe(4, 48, gradient_clip=5.0, views=views, seed=seed)
        return cls(
            recipe,
            (*TABLE, *SEEDS),
            narrowed=4,
            side=96,
            channels=1,
            classes=30,
            per_class=240,
            measured=100,
            watched=3000,
            seed=seed,
            scale="small",
        )

    @classmethod
    def full(cls, seed: int = 0) -> "LayerRemovalPlan":
        """The paper's protocol, for ImageNet and a GPU: 70 passes, ten views of each picture."""
        return cls(zeiler_recipe(seed=seed), seed=seed, scale="full")

    def network(self, variant: Variant, classes: int) -> nn.Module:
        """The row's network, at the widths and the input of this plan."""
        *conv, fc = self._narrow((*variant.conv, variant.fc))
        size = self.side + _INPUT[variant.network] - _INPUT["zfnet"]
        return create(
            variant.network,
            classes=classes,
            channels=self.channels,
            without=variant.without,
            conv=tuple(conv),
            fc=fc,
            size=size,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields but for the rows, as JSON-ready values."""
        values = {name: value for name, value in vars(self).items() if name not in ("variants", "scale")}
        return values | {"recipe": self.recipe.to_dict()}

    def _narrow(self, widths: Sequence[int]) -> list[int]:
        for width in widths:
            if width % self.narrowed:
                raise ValueError(f"narrowed {self.narrowed} does not divide a width of {width}")
        return [width // self.narrowed for width in widths]

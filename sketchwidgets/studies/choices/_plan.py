"""Which choices are measured, and at what size."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from sketchwidgets.models._checks import check_choice, check_range, check_whole
from sketchwidgets.studies._settings import slug_of
from sketchwidgets.studies._small_recipe import small_recipe
from sketchwidgets.studies.choices._network import check_network
from sketchwidgets.training.fitting import Recipe, Views
from sketchwidgets.training.inputs.images import Augmentation
from sketchwidgets.training.recipes import sketch_a_net_recipe

KINDS = ("first filters", "normalisation", "pooling", "stroke order", "scale", "augmentation", "seed")
FUSIONS = ("score fusion", "feature fusion", "Joint Bayesian")
BASE = "Sketch-a-Net"


@dataclass(frozen=True)
class Choice:
    """A row: Sketch-a-Net, with what is changed of it.

    name : in the table. kind : what is chosen.
    first, norm, pool : of the network: side of the first filters, local response normalisation, side of the pools.
    channels : "ink", or "order" for six channels of the stroke order.
    resolution : side in pixels, of 256, that the network sees enlarged again.
    views : whether training drawings are shifted, mirrored and slightly turned.
    removal, local, whole : probability that strokes are removed, strokes and the whole drawing deformed.
    seed : added to that of the plan, for what is random in training.

    Raises ValueError, naming the argument.
    """

    name: str
    kind: str
    first: int = 15
    norm: bool = False
    pool: int = 3
    channels: Literal["ink", "order"] = "ink"
    resolution: int = 256
    views: bool = True
    removal: float = 0.0
    local: float = 0.0
    whole: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        check_choice("kind", self.kind, KINDS)
        check_network(self.first, self.pool)
        check_choice("channels", self.channels, ("ink", "order"))
        check_whole("resolution", self.resolution, 1, 256)
        check_whole("seed", self.seed, 0)
        for name in ("removal", "local", "whole"):
            check_range(name, getattr(self, name), least=0, most=1)
        if self.local and self.whole and self.local != self.whole:
            raise ValueError(
                f"local and whole must be equal where both are, not {self.local} and {self.whole}"
            )

    @property
    def slug(self) -> str:
        """The name as that of a file."""
        return slug_of(self.name)

    def augmentation(self) -> Augmentation:
        """The random changes of a training drawing; turns of 5 degrees and shifts of 15 pixels as in the paper."""
        views = self.views
        return Augmentation(
            rotation=0.0873 if views else 0.0,
            scale=(1.0, 1.0),
            stretch=0.0,
            shift=15.0 if views else 0.0,
            mirror=0.5 if views else 0.0,
            prefix=0.0,
            removal=self.removal,
            deformation=max(self.local, self.whole),
            stroke_strength=1.0 if self.local else 0.0,
            sketch_strength=1.0 if self.whole else 0.0,
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return asdict(self)


CHOICES = (
    Choice(BASE, "seed"),
    Choice("another seed", "seed", seed=1),
    Choice("first filters of 11", "first filters", first=11),
    Choice("first filters of 7", "first filters", first=7),
    Choice("first filters of 3", "first filters", first=3),
    Choice("response normalisation", "normalisation", norm=True),
    Choice("pools of 2", "pooling", pool=2),
    Choice("six channels", "stroke order", channels="order"),
    Choice("no augmentation", "augmentation", views=False),
    Choice("stroke removal", "augmentation", removal=0.5),
    Choice("local deformation", "augmentation", local=0.5),
    Choice("global deformation", "augmentation", whole=0.5),
    Choice("all three", "augmentation", removal=0.5, local=0.5, whole=0.5),
    Choice("seen at 224", "scale", resolution=224),
    Choice("seen at 192", "scale", resolution=192),
    Choice("seen at 128", "scale", resolution=128),
    Choice("seen at 64", "scale", resolution=64),
)
"""Every row that is trained. The first is the base, which each other one differs from by one choice."""


SMALL = small_recipe(36, 32, name="small", weight_decay=0.02, warmup=30, label_smoothing=0.05, views=Views())


@dataclass(frozen=True)
class ChoicesPlan:
    """The rows, and the size of everything that they share.

    choices : the first is the base. fusions : whether the base and the rows of kind "scale" are also fused.
    classes : how many classes, chosen by the seed; None for all. drawings, tested : of each class, to train and to
        test on; None for all that the first leaves.
    recipe : of the training; its views, augmentation and seed are those of the row and of the plan, but for the value
        of full ink, `recipe.views.span`.
    width : channels of every hidden layer, relative to the paper's. dropout : after fc6 and fc7.

    Raises ValueError, naming the argument.
    """

    choices: tuple[Choice, ...] = CHOICES
    fusions: bool = True
    classes: int | None = 20
    drawings: int = 16
    tested: int | None = 150
    recipe: Recipe = SMALL
    width: float = 0.25
    dropout: float = 0.2
    seed: int = 0
    scale: str = field(default="own", compare=False)

    def __post_init__(self) -> None:
        if not self.choices:
            raise ValueError("choices must not be empty")
        slugs = [choice.slug for choice in self.choices]
        twice = [slug for slug in slugs if slugs.count(slug) > 1]
        if twice:
            raise ValueError(f"choices has two rows called {twice[0]!r}")
        if self.choices[0].resolution != 256:
            raise ValueError("choices: the base, the first, must see 256 pixels")
        check_whole("seed", self.seed, 0)
        check_whole("drawings", self.drawings, 1)
        if not isinstance(self.recipe, Recipe):
            raise ValueError(f"recipe must be a Recipe, not {type(self.recipe).__name__}")
        if self.classes is not None:
            check_whole("classes", self.classes, 2)
        if self.tested is not None:
            check_whole("tested", self.tested, 1)

    @classmethod
    def small(cls, seed: int = 0) -> "ChoicesPlan":
        """20 classes, 16 training drawings of each, a quarter of the width, 360 steps: under a minute a row."""
        return cls(seed=seed, scale="small")

    @classmethod
    def full(cls, seed: int = 0) -> "ChoicesPlan":
        """The paper's training: full width, 500 epochs of SGD at 0.001, 255 at full ink; all classes; for a GPU."""
        return cls(
            classes=None,
            drawings=53,
            tested=None,
            recipe=sketch_a_net_recipe(),
            width=1.0,
            dropout=0.5,
            seed=seed,
            scale="full",
        )

    def only(self, *names: str) -> "ChoicesPlan":
        """The plan with the base and these rows alone; ValueError for a row that it does not have.

        >>> sw.studies.ChoicesPlan.small().only("pools of 2").choices[1].pool
        2
        """
        known = {choice.name: choice for choice in self.choices}
        for name in names:
            if name not in known:
                raise ValueError(f"no row {name!r}; there are {', '.join(known)}")
        kept = [c for c in self.choices if c is self.choices[0] or c.name in names]
        return replace(self, choices=tuple(kept))

    def to_dict(self) -> dict[str, Any]:
        """All but the rows as JSON-ready values."""
        found = asdict(self)
        del found["choices"], found["fusions"], found["scale"]
        return json.loads(json.dumps(found))

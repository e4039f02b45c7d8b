"""What is learned where, how much of it is carried over, and how often it is measured."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from torch import nn

from sketchwidgets.models import create
from sketchwidgets.models._checks import check_whole
from sketchwidgets.studies._small_recipe import small_recipe
from sketchwidgets.training import Recipe, Views, zeiler_recipe


@dataclass(frozen=True)
class TransferPlan:
    """The network, how it is trained, and what is asked of its layers.

    recipe : how the network learns its features, and `scratch` how it learns a target alone, from scratch: for
        `scratch_steps` steps, whatever the recipe says of its epochs.
    network, arguments : as of `sw.models.create`, but for the classes.
    counts : training pictures of each class of a target; those that leave none to test on are left out.
    measured : pictures of each class to test on, at most.
    svm, softmax : layers on which a linear SVM and a softmax are put, besides the softmax on the last.
    folds : random cuts into training and test pictures.
    classes : of the other half of the drawings, at random; None for all. pool : pictures of each class of a target
        that the folds are drawn from; None for all.

    Raises ValueError for values out of range.
    """

    recipe: Recipe
    scratch: Recipe
    scratch_steps: int
    network: str = "zfnet"
    arguments: Mapping[str, Any] = field(default_factory=dict)
    counts: tuple[int, ...] = (15, 30, 45, 60)
    measured: int = 50
    svm: tuple[int, ...] = (1, 2, 3, 4, 5, 6, 7)
    softmax: tuple[int, ...] = (5, 7)
    folds: int = 5
    classes: int | None = None
    pool: int | None = None
    seed: int = 0
    scale: str = field(default="own", compare=False)

    def __post_init__(self) -> None:
        for name in ("scratch_steps", "measured", "folds"):
            check_whole(name, getattr(self, name), 1)
        check_whole("seed", self.seed, 0)
        for name, least in (("classes", 2), ("pool", 2)):
            if getattr(self, name) is not None:
                check_whole(name, getattr(self, name), least)
        if not self.counts:
            raise ValueError("counts must not be empty")
        # Two of a class at least: one of them is put aside to choose how strongly the classifier is regularised.
        for name, least in (("counts", 2), ("svm", 1), ("softmax", 1)):
            for place, value in enumerate(getattr(self, name)):
                check_whole(f"{name}[{place}]", value, least)

    @classmethod
    def small(cls, seed: int = 0) -> "TransferPlan":
        """Half an hour of one core: ZFNet with a quarter of its widths at 96 pixels, 30 classes, three folds."""
        views = Views(size=110, test="centre")
        recipe = small_recipe(2, 64, gradient_clip=5.0, views=views, seed=seed)
        return cls(
            recipe,
            replace(recipe, batch_size=32),
            1200,
            arguments={"channels": 1, "size": 96, "conv": [24, 64, 96, 96, 64], "fc": 1024},
            folds=3,
            classes=30,
            pool=150,
            seed=seed,
            scale="small",
        )

    @classmethod
    def full(cls, seed: int = 0) -> "TransferPlan":
        """The paper's protocol: ZFNet on ImageNet, five folds of Caltech-101 and Caltech-256; for a GPU."""
        recipe = zeiler_recipe(seed=seed)
        return cls(recipe, replace(recipe, schedule="cosine"), 20_000, seed=seed, scale="full")

    def create(self, classes: int) -> nn.Module:
        """The network with random weights."""
        return create(self.network, classes=classes, **self.arguments)

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        values = {name: value for name, value in vars(self).items() if name != "scale"}
        recipes = {"recipe": self.recipe.to_dict(), "scratch": self.scratch.to_dict()}
        return values | recipes | {"arguments": dict(self.arguments)}

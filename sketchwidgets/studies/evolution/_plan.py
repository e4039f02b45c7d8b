"""What is trained, and when it is looked at."""

from dataclasses import dataclass, field, replace
from typing import Any

from sketchwidgets.studies._small_recipe import small_recipe
from sketchwidgets.training import Recipe

TEN = ("airplane", "bicycle", "cat", "face", "fish", "flower", "house", "snail", "tree", "umbrella")


@dataclass(frozen=True)
class EvolutionPlan:
    """A training of a Sketch-a-Net from scratch.

    classes : that are learnt, in this order; none for all that the data has.
    width : of the network, relative to the paper's channels.
    first_filters : what the first filters are multiplied with before training; small ones show what they learn.
    recipe : of the training; its epochs are passes over the drawings. moments : epochs that are looked at, 0 for the
        network before training. After the last of them the training ends, even if the recipe goes on.
    channels : followed in each layer. images : training drawings among which the one that excites a channel most is
        looked for; None for all. compared : held-out drawings on which features are compared.

    Raises ValueError where a moment is beyond the last epoch, or a number is out of range.
    """

    classes: tuple[str, ...] = TEN
    width: float = 0.5
    first_filters: float = 0.1
    recipe: Recipe = field(default_factory=Recipe)
    moments: tuple[int, ...] = (0, 1, 2, 5, 10)
    channels: int = 4
    images: int | None = 200
    compared: int = 150
    seed: int = 0
    scale: str = field(default="own", compare=False)

    def __post_init__(self) -> None:
        most = self.recipe.epochs
        if not self.moments or min(self.moments) < 0 or not 1 <= max(self.moments) <= most:
            raise ValueError(
                f"moments must be epochs from 0 to {most}, one of 1 or later, not {self.moments}"
            )
        if list(self.moments) != sorted(set(self.moments)):
            raise ValueError(f"moments must ascend, not {self.moments}")
        if self.recipe.views.span != 1 or self.recipe.views.mean is not False:
            raise ValueError("recipe.views must leave the pictures as they are, span 1 and mean False")
        for name in ("channels", "compared"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")
        if self.images is not None and self.images < 1:
            raise ValueError(f"images must be at least 1 or None, not {self.images}")

    @classmethod
    def small(cls, seed: int = 0) -> "EvolutionPlan":
        """Half an hour of one core: ten classes, half of the channels, forty epochs of AdamW."""
        recipe = small_recipe(
            40,
            64,
            name="Sketch-a-Net, ten classes",
            weight_decay=0.01,
            warmup=20,
            label_smoothing=0.05,
            seed=seed,
        )
        return cls(
            recipe=recipe,
            moments=(0, 1, 2, 5, 10, 20, 40),
            images=400,
            compared=300,
            seed=seed,
            scale="small",
        )

    @classmethod
    def full(cls, seed: int = 0) -> "EvolutionPlan":
        """All classes and channels, at the epochs of the paper's figure, every training drawing looked at; for a GPU."""
        small = cls.small(seed)
        return cls(
            classes=(),
            width=1.0,
            recipe=replace(small.recipe, name="Sketch-a-Net", epochs=64, batch_size=256, warmup=1000),
            moments=(0, 1, 2, 5, 10, 20, 30, 40, 64),
            images=None,
            compared=1000,
            seed=seed,
            scale="full",
        )

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        return {**vars(self), "recipe": self.recipe.to_dict()}

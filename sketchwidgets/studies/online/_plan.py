"""What the study of online recognition trains and measures, and the two scales that it comes at."""

import json
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sketchwidgets.recognition import Preprocessing
from sketchwidgets.studies._settings import slug_of
from sketchwidgets.training.inputs.images import Augmentation
from sketchwidgets.training.recognizers.cnn import CNNRecipe
from sketchwidgets.training.recognizers.recurrent import RecurrentRecipe

ANOTHER_SEED = ", another seed"


@dataclass(frozen=True)
class StudyCNN:
    """A CNN whose features are read: one that is trained for the study, or that of a recogniser.

    name : as it stands in the table. source : how it is trained, or the name or path of a recogniser, see
    `Recognizer.load`. augmentation : of the drawings that the recurrent part learns from; of a recipe, its own.
    """

    name: str
    source: CNNRecipe | str
    augmentation: Augmentation | None = None

    def to_dict(self) -> dict[str, Any]:
        """The fields as JSON-ready values."""
        source = self.source if isinstance(self.source, str) else self.source.to_dict()
        changes = None if self.augmentation is None else asdict(self.augmentation)
        return json.loads(json.dumps({"name": self.name, "source": source, "augmentation": changes}))


@dataclass(frozen=True)
class Member:
    """A row of the table: a CNN, by name, alone or with a recurrent part.

    another_seed : whether the recurrent part is trained with the next seed, to see what that alone changes.

    Raises ValueError for another seed of a CNN alone, which is not trained for a row.

    >>> recipe = sw.training.recurrent_recipe(cell="lstm", hidden_size=1024, weighting="last")
    >>> sw.studies.Member("AlexNet", recipe).name
    'AlexNet + LSTM 1024, last'
    """

    cnn: str
    recurrent: RecurrentRecipe | None = None
    another_seed: bool = False

    def __post_init__(self) -> None:
        if self.another_seed and self.recurrent is None:
            raise ValueError(f"another_seed needs a recurrent part, and {self.cnn} is alone")

    @property
    def recipe(self) -> RecurrentRecipe | None:
        """How the recurrent part is trained, its seed included."""
        return replace(self.recurrent, seed=self.recurrent.seed + 1) if self.another_seed else self.recurrent

    @property
    def name(self) -> str:
        """As `OnlineRow.name`."""
        recipe = self.recurrent
        if recipe is None:
            return f"{self.cnn} alone"
        again = ANOTHER_SEED if self.another_seed else ""
        return f"{self.cnn} + {recipe.cell.upper()} {recipe.hidden_size}, {recipe.weighting}{again}"

    @property
    def slug(self) -> str:
        """The name as that of a file."""
        return slug_of(self.name)


@dataclass(frozen=True)
class OnlinePlan:
    """The configurations of a study.

    drawings : how many training drawings, all their prefixes, the recurrent parts learn from; None for all.
    held_out : how many of the held-out drawings are measured on; None for all.

    Raises ValueError for a member whose CNN is not there, and for two CNNs or two members of one name.
    """

    cnns: tuple[StudyCNN, ...]
    members: tuple[Member, ...]
    drawings: int | None = None
    held_out: int | None = None
    seed: int = 0
    scale: str = field(default="own", compare=False)

    def __post_init__(self) -> None:
        for what, names in (
            ("CNNs", [cnn.name for cnn in self.cnns]),
            ("members", [member.slug for member in self.members]),
        ):
            if not names:
                raise ValueError(f"the plan has no {what}")
            twice = [name for name in names if names.count(name) > 1]
            if twice:
                raise ValueError(f"the plan has two {what} called {twice[0]!r}")
        known = {cnn.name for cnn in self.cnns}
        for member in self.members:
            if member.cnn not in known:
                raise ValueError(
                    f"member {member.name!r} reads {member.cnn!r}; CNNs are {', '.join(sorted(known))}"
                )
        for name in ("drawings", "held_out"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} must be at least 1 or None, not {value}")

    @classmethod
    def small(cls, seed: int = 0) -> "OnlinePlan":
        """Two hours of one core: one choice at a time is changed, and AlexNet is trained for 192,000 images.

        AlexNet sees 128 pixels, in torchvision's form, whose classifier takes any size.
        """
        alexnet = CNNRecipe(
            network="alexnet_sketch",
            steps=1500,
            learning_rate=1e-3,
            weight_decay=0.05,
            schedule="constant",
            decay_all=False,
            clip=5.0,
            averaging=0.99,
            augmentation=Augmentation(shift=5.8),
            preprocessing=Preprocessing(128, 115.0, 2.0),
            seed=seed,
        )
        base = RecurrentRecipe(weighting="linear", epochs=8, seed=seed)
        san = [
            base,
            replace(base, cell="lstm"),
            *(replace(base, weighting=weighting) for weighting in ("uniform", "exponential", "last")),
            replace(base, hidden_size=1024),
        ]
        members = [
            Member(_SKETCH_A_NET),
            *(Member(_SKETCH_A_NET, recipe) for recipe in san),
            Member(_ALEXNET),
            *(Member(_ALEXNET, replace(base, cell=cell)) for cell in ("gru", "lstm")),
            Member(_SKETCH_A_NET, replace(base, hidden_size=2048)),
            *(Member(_SKETCH_A_NET, replace(base, cell=cell), another_seed=True) for cell in ("gru", "lstm")),
        ]
        return cls(
            (
                StudyCNN(_SKETCH_A_NET, "sketch-a-net-quickdraw345", Augmentation()),
                StudyCNN(_ALEXNET, alexnet),
            ),
            tuple(members),
            drawings=20_000,
            seed=seed,
            scale="small",
        )

    @classmethod
    def full(cls, seed: int = 0) -> "OnlinePlan":
        """Both CNNs from scratch at their papers' sizes, {GRU, LSTM} x 512 ... 3600 x four weightings; for a GPU."""
        longer = CNNRecipe(
            steps=60_000,
            batch_size=256,
            schedule="constant",
            decay_all=False,
            clip=5.0,
            averaging=0.999,
            seed=seed,
        )
        alexnet = replace(
            longer,
            network="alexnet",
            learning_rate=1e-3,
            weight_decay=0.05,
            dropout=0.5,
            preprocessing=Preprocessing(227, 204.0, 3.0),
        )
        members = [Member(name) for name in (_SKETCH_A_NET, _ALEXNET)]
        members += [
            Member(name, RecurrentRecipe(size, cell, epochs=30, weighting=weighting, seed=seed))
            for name in (_SKETCH_A_NET, _ALEXNET)
            for cell in ("gru", "lstm")
            for size in (512, 1024, 2048, 3600)
            for weighting in ("uniform", "linear", "exponential", "last")
        ]
        return cls(
            (StudyCNN(_SKETCH_A_NET, longer), StudyCNN(_ALEXNET, alexnet)),
            tuple(members),
            seed=seed,
            scale="full",
        )


_SKETCH_A_NET, _ALEXNET = "Sketch-a-Net", "AlexNet"

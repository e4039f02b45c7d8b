"""Filters against Gabors: figure 8 of Yu et al. (IJCV 2017), measured.

The paper shows first filters of Sketch-a-Net beside Gabor functions, and says that they are alike. Here a Gabor is fitted
to every filter, and R² compared with that of filters that have learnt nothing: those of new networks, of white noise, and
of noise with the mean power spectrum of the trained filters, since Gabors fit smooth noise better than rough.

What differs from the paper, which gives no numbers: the networks, which have learnt QuickDraw's drawings and not
TU-Berlin's. The first filters of the bundled recognisers were shrunk after training towards what drawings excite.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from tqdm.auto import tqdm

from sketchwidgets.models import seeded
from sketchwidgets.studies._folder import StudyFolder
from sketchwidgets.studies._settings import plan_of, settings, slug_of
from sketchwidgets.studies.gabors._result import KINDS, FiltersAndGabors, FittedFilters
from sketchwidgets.studies.gabors._sources import SMALLEST, first_filters
from sketchwidgets.visualization import gabor_fit

BUNDLED = {"SketchResNet": "sketchwidgets-quickdraw345", "Sketch-a-Net": "sketch-a-net-quickdraw345"}
DIFFERENCES = (
    "R² of fits and a test, where the paper shows pictures",
    "networks that have learnt QuickDraw's drawings, whose first filters were shrunk towards what drawings excite",
)


@dataclass(frozen=True)
class GaborPlan:
    """How much is fitted.

    seeds : new networks, and as many times the filters' number of noise, that trained filters are compared with.
    threshold : of R², above which a filter counts as Gabor-like. seed : the first seed.

    Raises ValueError for numbers out of range.
    """

    seeds: int = 10
    threshold: float = 0.8
    seed: int = 0
    scale: str = field(default="own", compare=False)

    def __post_init__(self) -> None:
        if self.seeds < 1 or self.seed < 0:
            raise ValueError(
                f"seeds must be at least 1 and seed at least 0, not {self.seeds} and {self.seed}"
            )
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be between 0 and 1, not {self.threshold}")

    @classmethod
    def small(cls, seed: int = 0) -> "GaborPlan":
        """Ten new networks: two minutes of one core."""
        return cls(seed=seed, scale="small")

    @classmethod
    def full(cls, seed: int = 0) -> "GaborPlan":
        """A hundred new networks."""
        return cls(seeds=100, seed=seed, scale="full")


def filters_and_gabors(
    networks: Mapping[str, Any] | None = None,
    folder: str | Path = "runs/filters-and-gabors",
    plan: GaborPlan | str = "small",
    *,
    progress: bool = True,
    callback: Callable[[FittedFilters], bool | None] | None = None,
) -> FiltersAndGabors:
    """Fit Gabors to trained first filters, and to filters that have learnt nothing.

    What is done stays in `folder`, and a run that was cut off goes on from there. Networks whose filters are smaller than
    5 x 5 are left out, and named in the settings: nine parameters say nothing about nine weights.

    Parameters
    ----------
    networks : name -> network: a torch.nn.Module, a `sw.Recognizer` or its name or path; or the path of a MatConvNet
        .mat, or of an .npz or .safetensors whose first array of four dimensions the filters are. None: the CNNs of
        the bundled recognisers.
    plan : "small", "full" or a `GaborPlan` of your own.
    progress : whether a bar is shown.
    callback : called with each row; False ends the study after the rows of that network.

    Raises ValueError where no network is left, or `folder` holds another study.

    >>> net = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 7))
    >>> found = sw.studies.filters_and_gabors({"net": net}, "gabors", sw.studies.GaborPlan(seeds=2), progress=False)
    >>> [(row.kind, len(row.r2)) for row in found.rows]
    [('trained', 4), ('untrained', 8), ('noise', 8), ('smooth noise', 8)]
    """
    plan = plan_of(plan, GaborPlan)
    networks = BUNDLED if networks is None else networks
    kept, rows, left_out = StudyFolder(folder), [], {}
    result = None
    for name, source in tqdm(networks.items(), "networks", disable=not progress):
        trained, fresh = first_filters(source)
        height, width = trained.shape[2:]
        if min(height, width) < SMALLEST:
            left_out[name] = f"filters of {height} x {width}: at least {SMALLEST} x {SMALLEST} are needed"
            continue
        # The filters themselves, not where they come from, decide what is measured.
        filters = hashlib.sha256(trained.float().contiguous().numpy().tobytes()).hexdigest()
        asked = {**vars(plan), "scale": None, "filters": filters}
        with kept.count(name):
            found = kept.row(slug_of(name), asked, partial(_fitted, name, trained, fresh, plan, progress))
        rows += [FittedFilters.from_dict(row) for row in found["rows"]]
        result = FiltersAndGabors(tuple(rows), _settings(networks, plan, kept, left_out))
        result.save(kept.path / "result.json")
        if callback is not None and False in [callback(row) for row in rows[-len(KINDS) :]]:
            break
    if result is None:
        raise ValueError(f"networks: none is left, {left_out or 'none was given'}")
    return result


def _fitted(
    name: str, trained: Tensor, fresh: Callable[[], Tensor], plan: GaborPlan, progress: bool
) -> dict[str, Any]:
    """The four rows of a network."""
    r2: dict[str, list[Tensor]] = {kind: [] for kind in KINDS}
    for seed in tqdm(range(plan.seed, plan.seed + plan.seeds), name, leave=False, disable=not progress):
        with seeded(seed):
            untrained = fresh()
        fits = gabor_fit(trained, untrained=untrained, seed=seed, progress=False)
        r2["trained"] = [fits.r2]
        for kind, values in fits.null_r2.items():
            r2[kind].append(values)
    rows = []
    for kind, parts in r2.items():
        values = tuple(torch.cat(parts).clamp(max=1).numpy().round(4).tolist())
        rows.append(FittedFilters(name, kind, tuple(trained.shape[2:]), values, len(parts), plan.threshold))
    return {"rows": [row.to_dict() for row in rows]}


def _settings(
    networks: Mapping[str, Any], plan: GaborPlan, kept: StudyFolder, left_out: dict[str, str]
) -> dict[str, Any]:
    sources = {
        name: Path(source).name if isinstance(source, str | Path) else type(source).__name__
        for name, source in networks.items()
    }
    files = [f"{name}={source}" for name, source in sources.items() if name not in BUNDLED]
    return settings(
        "filters-and-gabors",
        None,
        plan.scale,
        plan.seed,
        kept.cpu_seconds(),
        differences=DIFFERENCES,
        options={"network": " --network ".join(files) or None},
        packages=("scipy",),
        networks=sources,
        left_out=left_out,
        seeds=plan.seeds,
        threshold=plan.threshold,
    )

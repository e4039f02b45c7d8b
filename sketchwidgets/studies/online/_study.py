"""Online recognition: the recognisers of Sarvadevabhatla, Kundu and Babu (MM 2016), their figure 2 and table 1.

The CNN sees the canvas after every stroke; a GRU or LSTM reads its features one after the other and names the drawing
each time. What can be chosen is the CNN, the cell, its size, and what the loss counts at each step.

What differs from the paper, whatever the scale: QuickDraw's drawings and classes instead of TU-Berlin's; a CNN that is
trained on prefixes of drawings and not fine-tuned from ImageNet weights; AdamW. The recurrent parts learn from the
features of the CNN as it is, as in the paper.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm.auto import tqdm

from sketchwidgets.models import RecurrentClassifier
from sketchwidgets.recognition import Recognizer
from sketchwidgets.studies._checksum import checksum, of_network
from sketchwidgets.studies._folder import StudyFolder, read_json, write_json
from sketchwidgets.studies._named import NamedRight
from sketchwidgets.studies._settings import plan_of, settings
from sketchwidgets.studies.online._cnn import ReadyCNN, fastest, ready
from sketchwidgets.studies.online._plan import Member, OnlinePlan, StudyCNN
from sketchwidgets.studies.online._result import OnlineRecognition, OnlineRow
from sketchwidgets.training.datasets.drawing_set import DrawingSet
from sketchwidgets.training.evaluation.evaluate import SHARES, steps_at
from sketchwidgets.training.fitting._quiet import quiet_lightning
from sketchwidgets.training.inputs.features import PrefixFeatures, cache_features
from sketchwidgets.training.recognizers.recurrent import train_recurrent

DIFFERENCES = (
    "QuickDraw's drawings and classes instead of TU-Berlin's 160",
    "a CNN that is trained on prefixes of drawings and not fine-tuned from ImageNet weights",
    "AdamW",
    "claims are judged by the share of all drawings, the published averages are over the classes",
)
_FEWER = (
    "the recurrent parts learn from {:,} of the {:,} drawings that the CNNs were taught, by features of these very "
    "drawings, which favours the CNNs alone"
)
_AT_ONCE = 64  # drawings that are measured at once
_WATCHED = 500  # drawings whose accuracy is logged after each epoch


def online_recognition(
    data: str | Path | DrawingSet,
    folder: str | Path = "runs/online-recognition",
    plan: OnlinePlan | str = "small",
    *,
    every: int = 150,
    progress: bool = True,
    callback: Callable[[OnlineRow], bool | None] | None = None,
) -> OnlineRecognition:
    """Train and measure the recognisers of a plan, all on the same held-out drawings.

    Everything that is done stays in `folder`: a run that was cut off, at whatever moment, goes on from there, and a
    plan with more members trains only what is new. `folder`/result.json has the rows so far.

    Parameters
    ----------
    data : labelled drawings, see `DrawingSet.load`.
    plan : "small", "full" or an `OnlinePlan` of your own.
    every : steps between two states of a CNN in training.
    progress : whether bars are shown.
    callback : called with each row; False ends the study with the rows so far.

    Raises ValueError for an unknown plan, too few drawings, and a folder that holds another study.

    >>> from sketchwidgets.studies import Member, OnlinePlan, StudyCNN
    >>> from sketchwidgets.training.recognizers.cnn import CNNRecipe
    >>> points = np.random.default_rng(0).uniform(0, 255, (400, 2))
    >>> strokes = np.full(100, 4), np.full(50, 2), np.arange(50) % 2, 5 * np.arange(50)
    >>> drawings = sw.training.DrawingSet(points, None, *strokes, ("cat", "dog"))
    >>> recipe = CNNRecipe(steps=1, batch_size=2, network="sketch_resnet", arguments={"widths": [4], "blocks": [1]},
    ...     preprocessing=sw.recognition.Preprocessing(size=32, extent=29.0))
    >>> plan = OnlinePlan((StudyCNN("tiny", recipe),), (Member("tiny"),))
    >>> sw.studies.online_recognition(drawings, "study", plan, progress=False)["tiny alone"].total
    10
    """
    plan = plan_of(plan, OnlinePlan)
    drawings = data if isinstance(data, DrawingSet) else DrawingSet.load(data)
    study = _Study(drawings, Path(folder), plan, every, progress)
    rows: list[OnlineRow] = []
    for member in tqdm(plan.members, desc="recognisers", unit="member", disable=not progress):
        rows.append(study.row(member))
        result = OnlineRecognition(tuple(rows), study.settings(data))
        result.save(study.folder.path / "result.json")
        if callback is not None and callback(rows[-1]) is False:
            break
    return result


class _Study:
    """What the members share: the split, and each CNN with its features, made when the first member needs it."""

    def __init__(
        self, drawings: DrawingSet, folder: Path, plan: OnlinePlan, every: int, progress: bool
    ) -> None:
        self.drawings, self.plan, self.every, self.progress = drawings, plan, every, progress
        train, held_out = drawings.split()
        if not len(train) or not len(held_out):
            raise ValueError(f"data: {len(drawings)} drawings are too few to keep some apart for measurement")
        self.train = np.random.default_rng(plan.seed).permutation(train)[: plan.drawings]
        # Both at random, because drawings may stand class by class.
        self.held_out = np.random.default_rng([plan.seed, 1]).permutation(held_out)[: plan.held_out]
        self.folder = StudyFolder(folder, {"data": checksum(drawings)})
        given = {cnn.name: cnn.source for cnn in plan.cnns if isinstance(cnn.source, str)}
        known = {name: of_network(Recognizer.load(source, device="cpu")) for name, source in given.items()}
        self.folder.belong_to({f"CNN {name!r}": found for name, found in known.items()}, "weights")
        self._cnns: dict[str, ReadyCNN] = {}
        self._features: dict[tuple[str, str], PrefixFeatures] = {}

    def row(self, member: Member) -> OnlineRow:
        """The member measured, from the disk where that has been done."""
        cnn = next(cnn for cnn in self.plan.cnns if cnn.name == member.cnn)
        measure = self._alone if member.recurrent is None else self._recurrent
        found = self.folder.row(member.slug, self._asked(cnn, member), lambda: measure(member).to_dict())
        return OnlineRow.from_dict(found)

    def settings(self, data: object) -> dict[str, Any]:
        """What was done, for the result."""
        plan = self.plan
        return settings(
            "online-recognition",
            data,
            plan.scale,
            plan.seed,
            self.folder.cpu_seconds(),
            options={"drawings": plan.drawings, "held-out": plan.held_out},
            differences=(*DIFFERENCES, *self._fewer()),
            classes=len(self.drawings.classes),
            training_drawings=len(self.train),
            measured_drawings=len(self.held_out),
            cnns=[cnn.to_dict() for cnn in plan.cnns],
            recurrent={m.name: _recipe(m) for m in plan.members if m.recurrent is not None},
        )

    def _fewer(self) -> tuple[str, ...]:
        there = len(self.drawings.split()[0])
        return () if len(self.train) == there else (_FEWER.format(len(self.train), there),)

    def _asked(self, cnn: StudyCNN, member: Member) -> dict[str, Any]:
        return {
            "cnn": cnn.to_dict(),
            "recurrent": _recipe(member),
            "training_drawings": len(self.train),
            "measured_drawings": len(self.held_out),
            "classes": list(self.drawings.classes),
            "seed": self.plan.seed,
        }

    def cnn(self, name: str) -> ReadyCNN:
        """A CNN of the plan, trained where it has to be."""
        if name not in self._cnns:
            cnn = next(cnn for cnn in self.plan.cnns if cnn.name == name)
            with self.folder.count(f"{name}: training"):
                self._cnns[name] = ready(cnn, self.drawings, self._place(name), self.every, self.progress)
        return self._cnns[name]

    def features(self, name: str, part: str) -> PrefixFeatures:
        """Those of the "train" or of the "held-out" drawings: of these all strokes, unchanged."""
        if (name, part) not in self._features:
            cnn, chosen = self.cnn(name), self.train if part == "train" else self.held_out
            options = {"augmentation": cnn.augmentation} if part == "train" else {}
            if part == "held-out":
                options["max_strokes"] = int(self.drawings.n_strokes[chosen].max())
            with self.folder.count(f"{name}: features"):
                self._features[name, part] = cache_features(
                    cnn.features,
                    self.drawings,
                    chosen,
                    self._place(name) / f"features-{part}",
                    cnn.preprocessing,
                    seed=self.plan.seed,
                    device=cnn.device,
                    progress=self.progress,
                    **options,
                )
        return self._features[name, part]

    def milliseconds(self, name: str) -> float:
        """Of an image through a CNN, measured once a device, so that all rows with that CNN have the same."""
        file, device = self._place(name) / "milliseconds.json", self.cnn(name).device.type
        found = read_json(file, "not milliseconds") if file.exists() else {}
        if not isinstance(found, dict):
            found = {device: found}  # of a version that did not say of which
        if device not in found:
            found[device] = self.cnn(name).milliseconds()
            file.parent.mkdir(exist_ok=True)
            write_json(file, found)
        return float(found[device])

    def _place(self, name: str) -> Path:
        return self.folder.path / Member(name).slug.removesuffix("-alone")

    def _alone(self, member: Member) -> OnlineRow:
        cnn = self.cnn(member.cnn)
        features = self.features(member.cnn, "held-out")
        *counts, named = _measure(cnn.scores, features, len(self.drawings.classes), cnn.device)
        times, size = (self.milliseconds(member.cnn), 0.0), (sum(cnn.parameters), 0)
        return OnlineRow(member.cnn, None, None, None, *counts, size, times, named, device=cnn.device.type)

    def _recurrent(self, member: Member) -> OnlineRow:
        recipe, classes = member.recipe, len(self.drawings.classes)
        seen, unseen = (self.features(member.cnn, part) for part in ("train", "held-out"))
        # Lightning has no bar of its own here: a member takes minutes, and the study's bar tells of them.
        with self.folder.count(member.name), quiet_lightning():
            network = train_recurrent(
                seen,
                _first(unseen, _WATCHED),
                classes,
                self.folder.path / "members" / member.slug,
                recipe,
                progress=False,
            )
        cnn = self.cnn(member.cnn)
        # Where the CNN is, so that the milliseconds of a row are of one device.
        network = network.to(cnn.device).eval().requires_grad_(False)
        *counts, named = _measure(network, unseen, classes, cnn.device)
        size = sum(p.numel() for p in network.parameters())
        return OnlineRow(
            member.cnn,
            recipe.cell,
            recipe.hidden_size,
            recipe.weighting,
            *counts,
            (cnn.parameters[0], size),
            (self.milliseconds(member.cnn), _step_milliseconds(network, cnn.device)),
            named,
            member.another_seed,
            cnn.device.type,
        )


@torch.inference_mode()
def _measure(
    scores: Callable[[torch.Tensor], torch.Tensor],
    features: PrefixFeatures,
    classes: int,
    device: torch.device,
) -> tuple[tuple[int, ...], int, int, float, NamedRight]:
    """Drawings right at each of SHARES, right among five at the end, drawings, the mean over the classes, and which."""
    right = np.zeros((len(features), len(SHARES)), bool)
    top5 = np.zeros(len(features), bool)
    order = np.argsort(features.steps, kind="stable")  # so that those of a batch have about as many strokes
    for first in range(0, len(order), _AT_ONCE):
        chosen = order[first : first + _AT_ONCE]
        values, labels, steps = features.batch(chosen)
        found = scores(values.to(device)).cpu()
        at = torch.from_numpy(np.stack([steps_at(int(n)) for n in steps]) - 1)
        best = found.argmax(2).gather(1, at)
        right[chosen] = (best == labels[:, None]).numpy()
        last = found[torch.arange(len(chosen)), steps - 1]
        top5[chosen] = (last.topk(min(5, classes)).indices == labels[:, None]).any(1).numpy()
    each = [right[features.label == label, -1].mean() for label in np.unique(features.label)]
    counts = tuple(map(int, right.sum(0))), int(top5.sum()), len(right), float(np.mean(each))
    return *counts, NamedRight.of(right[:, -1])


def _step_milliseconds(network: RecurrentClassifier, device: torch.device) -> float:
    x, state = torch.zeros(1, network.input_size, device=device), network.initial_state(1)
    return fastest(lambda: network.step(x, state), device)


def _first(features: PrefixFeatures, n: int) -> PrefixFeatures:
    rows = int(features.steps[:n].sum())
    return PrefixFeatures(features.features[:rows], features.steps[:n], features.label[:n])


def _recipe(member: Member) -> dict[str, Any] | None:
    return None if member.recipe is None else dict(vars(member.recipe))

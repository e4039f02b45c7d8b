"""The commands `sketchwidgets study ...`: each measures a table or figure of the papers again."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

study = typer.Typer(help="Measure a table or figure of the papers again.", no_args_is_help=True)

Drawings = Annotated[Path, typer.Argument(help="Labelled drawings: a file or folder as for `train`.")]
Out = Annotated[
    Path, typer.Option("--out", help="Where all goes that is made, result.json too; made if absent.")
]
Scale = Annotated[str, typer.Option(help="small, for a processor, or full, for a GPU.")]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random.")]
Workers = Annotated[
    int, typer.Option(min=0, help="Processes that prepare batches, 0 for none beside this one.")
]


def plan_at(kind: Any, scale: str, seed: int, **changes: Any) -> Any:
    """`kind.small(seed)` or `kind.full(seed)`, with the options that were given.

    Raises ValueError for another scale.
    """
    if scale not in ("small", "full"):
        raise ValueError(f"--scale must be small or full, not {scale!r}")
    given = {name: value for name, value in changes.items() if value is not None}
    return replace(getattr(kind, scale)(seed), **given)


def show(run: Callable[[], Any]) -> None:
    """The tables of a study's result."""
    result = run()
    typer.echo(result.table())
    if result.orderings():
        typer.echo(f"\n{result.orderings_table()}")


def named_files(given: list[str] | None) -> dict[str, Path]:
    """Of NAME=FILE options; ValueError for one without a name or a file."""
    parts = [each.partition("=") for each in given or ()]
    for (name, _, path), each in zip(parts, given or (), strict=True):
        if not name or not path:
            raise ValueError(f"--network must be NAME=FILE, not {each!r}")
    return {name: Path(path) for name, _, path in parts}


@study.command("online-recognition")
def online_recognition(
    data: Drawings,
    folder: Out = Path("runs/online-recognition"),
    scale: Scale = "small",
    drawings: Annotated[
        int | None, typer.Option(min=1, help="Drawings that the recurrent parts learn from.")
    ] = None,
    held_out: Annotated[int | None, typer.Option(min=1, help="Drawings to measure on.")] = None,
    seed: Seed = 0,
) -> None:
    """CNN alone and with GRU or LSTM, accuracy by share of the strokes. Cut off, it goes on where it stopped."""
    from sketchwidgets.studies import OnlinePlan
    from sketchwidgets.studies import online_recognition as run

    options = {"drawings": drawings, "held_out": held_out}
    show(lambda: run(data, folder, plan_at(OnlinePlan, scale, seed, **options)))


@study.command("layer-removal")
def layer_removal(
    data: Annotated[
        Path,
        typer.Argument(
            help="Labelled drawings: a file or folder as for `train`; or a folder with train and val, each with a folder "
            "of pictures for each class, as ImageNet."
        ),
    ],
    folder: Out = Path("runs/layer-removal"),
    scale: Scale = "small",
    seed: Seed = 0,
    workers: Workers = 0,
) -> None:
    """AlexNet and ZFNet without some layers, or wider, trained from scratch. Cut off, it goes on where it stopped."""
    from sketchwidgets.studies import LayerRemovalPlan
    from sketchwidgets.studies import layer_removal as run

    show(lambda: run(data, folder, plan_at(LayerRemovalPlan, scale, seed), workers=workers))


@study.command("training-evolution")
def training_evolution(
    data: Drawings,
    folder: Out = Path("runs/training-evolution"),
    scale: Scale = "small",
    classes: Annotated[
        str | None,
        typer.Option(
            help='That are learnt, with commas between ("cat,hot dog"), or "all" that the drawings have.',
            show_default="ten of QuickDraw's, or all at full scale",
        ),
    ] = None,
    seed: Seed = 0,
) -> None:
    """A Sketch-a-Net from scratch, looked at epoch by epoch. Cut off, it goes on where it stopped."""
    from sketchwidgets.studies import EvolutionPlan
    from sketchwidgets.studies import training_evolution as run

    chosen = None if classes is None else tuple(name.strip() for name in classes.split(","))
    options = {"classes": () if chosen == ("all",) else chosen}
    show(lambda: run(data, folder, plan_at(EvolutionPlan, scale, seed, **options)))


@study.command("filters-and-gabors")
def filters_and_gabors(
    network: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FILE of a further network: .npz, .safetensors or .mat; repeat it for more."),
    ] = None,
    folder: Out = Path("runs/filters-and-gabors"),
    scale: Scale = "small",
    seed: Seed = 0,
) -> None:
    """Gabors fitted to trained first filters and to those that have learnt nothing."""
    from sketchwidgets.studies import GaborPlan
    from sketchwidgets.studies import filters_and_gabors as run
    from sketchwidgets.studies.gabors import BUNDLED

    show(lambda: run(BUNDLED | named_files(network), folder, plan_at(GaborPlan, scale, seed)))


@study.command("transfer")
def transfer(
    data: Annotated[
        Path,
        typer.Argument(
            help="What the features are learned from: drawings, whose other half of the classes is then a target; a "
            "folder with train and val of pictures in folders, as ImageNet; or a folder that `fit` left."
        ),
    ],
    target: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=PATH of other data: an .npz of images or drawings, Caltech-101, Caltech-256, or a folder of "
            "folders; repeat it for more."
        ),
    ] = None,
    folder: Out = Path("runs/transfer"),
    scale: Scale = "small",
    seed: Seed = 0,
    workers: Workers = 0,
) -> None:
    """Fixed features and a new softmax against training from scratch. Cut off, it goes on where it stopped."""
    from sketchwidgets.studies import TransferPlan
    from sketchwidgets.studies import transfer as run

    def measured() -> Any:
        pairs = [one.partition("=") for one in target or ()]
        wrong = next((one for one, pair in zip(target or (), pairs, strict=True) if not all(pair)), None)
        if wrong is not None:
            raise ValueError(f"--target must be NAME=PATH, not {wrong!r}")
        targets = {name: Path(path) for name, _, path in pairs}
        return run(data, folder, plan_at(TransferPlan, scale, seed), targets=targets, workers=workers)

    show(measured)


@study.command("sketch-recognizers")
def sketch_recognizers(
    data: Annotated[
        Path,
        typer.Argument(help="Images in an .npz: images, label and classes; black on white, as TU-Berlin's."),
    ],
    folder: Out = Path("runs/sketch-recognizers"),
    scale: Scale = "small",
    seed: Seed = 0,
) -> None:
    """Classical machines, LeNet, AlexNet and Sketch-a-Net on three folds. Cut off, it goes on where it stopped."""
    from sketchwidgets.studies import RecognizersPlan
    from sketchwidgets.studies import sketch_recognizers as run

    show(lambda: run(data, folder, plan_at(RecognizersPlan, scale, seed)))


@study.command("sketch-a-net-choices")
def sketch_a_net_choices(
    data: Drawings, folder: Out = Path("runs/sketch-a-net-choices"), scale: Scale = "small", seed: Seed = 0
) -> None:
    """Sketch-a-Net with its choices made otherwise, one at a time. Cut off, it goes on where it stopped."""
    from sketchwidgets.studies import ChoicesPlan
    from sketchwidgets.studies import sketch_a_net_choices as run

    show(lambda: run(data, folder, plan_at(ChoicesPlan, scale, seed)))


@study.command("method-comparison")
def method_comparison(
    data: Drawings, folder: Out = Path("runs/method-comparison"), scale: Scale = "small", seed: Seed = 0
) -> None:
    """The default recogniser by every method of visualisation: a table of pictures, and what can be counted."""
    from sketchwidgets.studies import PicturePlan
    from sketchwidgets.studies import method_comparison as run

    show(lambda: run(data, folder, plan_at(PicturePlan, scale, seed)))


@study.command("network-comparison")
def network_comparison(
    data: Drawings,
    network: Annotated[
        list[str] | None,
        typer.Option(
            help="NAME=FILE of a further recogniser or a network that a study has left; repeat it for more."
        ),
    ] = None,
    folder: Out = Path("runs/network-comparison"),
    scale: Scale = "small",
    seed: Seed = 0,
) -> None:
    """Guided backprop of networks taught drawings, and of untrained ones: pictures, and what can be counted.

    AlexNet, VGG-16, GoogLeNet, ResNet-18 and EfficientNet-Lite0 are taught first, for about an hour of one core. Cut
    off, it goes on where it stopped.
    """
    from sketchwidgets.studies import NetworkPlan
    from sketchwidgets.studies import network_comparison as run
    from sketchwidgets.studies.pictures import BUNDLED

    show(
        lambda: run(data, folder, plan_at(NetworkPlan, scale, seed), networks=BUNDLED | named_files(network))
    )


@study.command("page")
def page(
    folder: Annotated[
        Path,
        typer.Argument(
            help="That of a study, with its result.json, or one of result files, named as in docs/results; README.md is "
            "written there."
        ),
    ] = Path("docs/results"),
) -> None:
    """Write all results of a folder on one page: tables, orderings, differences from what was published."""
    from sketchwidgets.studies import results_summary
    from sketchwidgets.studies._page import write_page

    if not folder.is_dir():
        raise ValueError(f"{folder} is no folder")
    write_page(folder)
    typer.echo(results_summary(folder))

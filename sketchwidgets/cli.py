"""The command line: `sketchwidgets lab | recognize | bench | train | fit | atlas | ensemble | study | ...`."""

from pathlib import Path
from typing import Annotated

import typer

from sketchwidgets import __version__
from sketchwidgets._bench_command import bench
from sketchwidgets._command_errors import CommandError, Commands, interruptible
from sketchwidgets._recognize_command import recognize
from sketchwidgets._study_commands import study

_RECIPE = "the recipe's"

app = typer.Typer(
    cls=Commands,
    help="See how a neural network recognises a drawing, stroke by stroke.",
    no_args_is_help=True,
)
app.add_typer(study, name="study")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"sketchwidgets {__version__}")
        raise typer.Exit


@app.callback()
def main(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """See how a neural network recognises a drawing, stroke by stroke."""


@app.command()
def lab(
    folder: Annotated[
        Path, typer.Option("--dir", help="Where the notebooks are put and JupyterLab starts; made if absent.")
    ] = Path("sketchwidgets-notebooks"),
    port: Annotated[
        int | None,
        typer.Option(
            min=1, max=65535, help="Port on this machine; the next free one if taken.", show_default="8888"
        ),
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the first notebook: a canvas that recognises what is drawn."""
    from sketchwidgets import _lab

    try:
        _lab.start(folder, port=port, browser=browser, say=typer.echo)
    except _lab.LabError as error:
        raise CommandError(str(error)) from error


app.command()(recognize)
app.command()(bench)


@app.command()
def train(
    data: Annotated[
        Path,
        typer.Argument(
            help="Labelled drawings: an .npz with xy, stroke_len, n_strokes, label, classes, key_id; or a folder of "
            "QuickDraw's simplified ndjson files (`sketchwidgets download quickdraw`)."
        ),
    ],
    folder: Annotated[
        Path, typer.Option("--out", help="Where checkpoints, logs, weights and the model card go.")
    ] = Path("runs/recognizer"),
    timed: Annotated[
        Path | None, typer.Option(help="Raw drawings with times (x, y, t_ms), only measured on.")
    ] = None,
    kind: Annotated[
        str,
        typer.Option(
            help="two-streams, the default recogniser (SketchResNet and strokes), or sketch-a-net, its features alone."
        ),
    ] = "two-streams",
    steps: Annotated[
        int | None, typer.Option(min=1, help="Optimiser steps of the CNN.", show_default=_RECIPE)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=2, help="Images in a step of the CNN.", show_default=_RECIPE)
    ] = None,
    drawings: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Drawings that the recurrent part learns from (sketch-a-net only).",
            show_default=_RECIPE,
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Epochs of the recurrent part.", show_default=_RECIPE)
    ] = None,
    hidden_size: Annotated[
        int | None, typer.Option(min=1, help="Units of the recurrent part.", show_default=_RECIPE)
    ] = None,
    cell: Annotated[str | None, typer.Option(help="gru or lstm.", show_default=_RECIPE)] = None,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    evaluate_on: Annotated[
        int | None, typer.Option(min=1, help="Held-out drawings to measure on.", show_default="all")
    ] = None,
) -> None:
    """Train a recogniser as the bundled ones were. A run that was cut off goes on where it stopped."""
    from dataclasses import replace

    from sketchwidgets.training import (
        RecognizerRecipe,
        TwoStreamRecipe,
        train_recognizer,
        train_two_streams,
    )
    from sketchwidgets.training.recognizers import one_stream, two_streams

    cnn = {"steps": steps, "batch_size": batch_size, "seed": seed}
    recurrent = {"epochs": epochs, "hidden_size": hidden_size, "cell": cell, "seed": seed}
    if kind == "two-streams":
        if drawings is not None:
            raise ValueError(
                "--drawings is an option of --kind sketch-a-net; all drawings are learnt from here"
            )
        given = TwoStreamRecipe()
        recipe = replace(
            given,
            cnn=replace(given.cnn, **_given(cnn)),
            strokes=replace(given.strokes, **_given(recurrent)),
        )
        with interruptible():
            train_two_streams(data, folder, timed, recipe, evaluate_on)
        name = two_streams.NAME
    elif kind == "sketch-a-net":
        given = RecognizerRecipe()
        recipe = replace(
            given,
            cnn=replace(given.cnn, **_given(cnn)),
            recurrent=replace(given.recurrent, **_given(recurrent)),
            **_given({"drawings": drawings}),
        )
        with interruptible():
            train_recognizer(data, folder, timed, recipe, evaluate_on)
        name = one_stream.NAME
    else:
        raise ValueError(f"--kind must be two-streams or sketch-a-net, not {kind!r}")
    typer.echo((folder / f"{name}.md").read_text())


@app.command()
def fit(
    network: Annotated[
        str,
        typer.Argument(
            help="Name of a network of `sketchwidgets.models.list()`: sketch_a_net, alexnet_sketch, ..."
        ),
    ],
    data: Annotated[
        Path,
        typer.Argument(
            help="Drawings or images: an .npz, a folder of QuickDraw files, or a folder of a folder for each class."
        ),
    ],
    folder: Annotated[
        Path, typer.Option("--out", help="Where the state, logs and final weights go; made if absent.")
    ] = Path("runs/fit"),
    recipe: Annotated[
        str, typer.Option(help="sketch-a-net, zeiler, fine-tuning or alexnet-pictionary.")
    ] = "sketch-a-net",
    weights: Annotated[Path | None, typer.Option(help="Weights to start from, as fit leaves them.")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="Passes over the data.", show_default=_RECIPE)
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help="Pictures in a step, of all processes.", show_default=_RECIPE)
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(help="Of the first steps.", show_default=_RECIPE)
    ] = None,
    precision: Annotated[
        str | None, typer.Option(help="32-true, bf16-mixed or, on CUDA, 16-mixed.", show_default=_RECIPE)
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Seed of everything random.", show_default=_RECIPE)
    ] = None,
    channels: Annotated[
        int | None, typer.Option(min=1, help="Input channels.", show_default="the network's")
    ] = None,
    every: Annotated[int, typer.Option(min=1, help="Steps between two states on the disk.")] = 100,
    workers: Annotated[int, typer.Option(min=0, help="Processes that prepare batches.")] = 0,
    accelerator: Annotated[str, typer.Option(help="Lightning's: auto, cpu, gpu ...")] = "auto",
    devices: Annotated[str, typer.Option(help="Lightning's: auto, a number, or numbers of GPUs.")] = "auto",
    num_nodes: Annotated[int, typer.Option(min=1, help="Machines.")] = 1,
    strategy: Annotated[str, typer.Option(help="Lightning's: auto, ddp ...")] = "auto",
    resume: Annotated[bool, typer.Option(help="Go on where a run in the folder was cut off.")] = True,
) -> None:
    """Train any network by a recipe of the papers. Cut off, it goes on where it stopped, with the same result."""
    from dataclasses import replace

    import torch

    from sketchwidgets import models, training
    from sketchwidgets.training.fitting._by_path import open_pictures

    recipes = {
        "sketch-a-net": training.sketch_a_net_recipe,
        "zeiler": training.zeiler_recipe,
        "fine-tuning": training.fine_tuning_recipe,
        "alexnet-pictionary": training.alexnet_pictionary_recipe,
    }
    changes = {
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "precision": precision,
        "seed": seed,
    }
    if recipe not in recipes:
        raise ValueError(f"--recipe must be one of {', '.join(recipes)}, not {recipe!r}")
    chosen = replace(recipes[recipe](), **_given(changes))
    train, validation = open_pictures(data, chosen.seed)
    torch.manual_seed(chosen.seed)
    try:
        made = models.create(network, classes=len(train.classes), **_given({"channels": channels}))
    except TypeError as error:  # it has no choice of channels
        raise CommandError(str(error)) from error
    if weights is not None:
        models.assign_weights(made, models.load_weights(weights)[0], str(weights))
        chosen = replace(chosen, filter_std=None, bias=None)  # they are to start as they are
    try:
        with interruptible():
            found = training.fit(
                made,
                train,
                chosen,
                folder,
                validation=validation,
                every=every,
                workers=workers,
                accelerator=accelerator,
                devices=int(devices) if devices.isdecimal() else devices,
                num_nodes=num_nodes,
                strategy=strategy,
                resume=resume,
            )
    except training.CheckpointError as error:
        raise CommandError(str(error).replace("resume=False", "--no-resume")) from error
    typer.echo(f"{found} in {folder}")


@app.command()
def atlas(
    data: Annotated[Path, typer.Argument(help="Labelled drawings: a file or folder as for `train`.")],
    folder: Annotated[Path, typer.Option("--out", help="Where the atlas goes; made if absent.")] = Path(
        "runs/atlas"
    ),
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Weights of a recogniser, or the name of bundled ones.",
            show_default="sketchwidgets-quickdraw345",
        ),
    ] = None,
    part: Annotated[str, typer.Option(help="held-out, training or all drawings.")] = "held-out",
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first so many drawings.", show_default="all")
    ] = None,
    top: Annotated[int, typer.Option(min=1, max=100, help="Drawings a channel.")] = 9,
    layer: Annotated[
        list[str] | None,
        typer.Option(
            help="Layer of the CNN; repeat it for more.", show_default="every activation after a convolution"
        ),
    ] = None,
) -> None:
    """Find the drawings that excite each channel of the recogniser most. Cut off, it goes on where it stopped."""
    from sketchwidgets.recognition import Recognizer
    from sketchwidgets.training.recognizers.atlas import make_atlas

    made = make_atlas(data, folder, Recognizer.load(weights), layer, part=part, limit=limit, top=top)
    typer.echo(f"{made} in {folder}")


@app.command()
def ensemble(
    data: Annotated[
        Path, typer.Argument(help="Grey sketches, black on white: an .npz with images, label, classes.")
    ],
    folder: Annotated[
        Path, typer.Option("--out", help="Where networks, fusions and result.json go; made if absent.")
    ] = Path("runs/ensemble"),
    fold: Annotated[
        list[int] | None,
        typer.Option(min=0, max=2, help="Fold to test on; repeat it for more.", show_default="all three"),
    ] = None,
    scale: Annotated[
        list[int] | None,
        typer.Option(
            min=1, max=256, help="Scale in pixels; repeat it for more.", show_default="the paper's five"
        ),
    ] = None,
    epochs: Annotated[
        int | None, typer.Option(min=0, help="Passes over the training images.", show_default="4")
    ] = None,
    training_views: Annotated[
        int | None,
        typer.Option(
            min=1, max=10, help="Views of a training image that the fusions learn from.", show_default="10"
        ),
    ] = None,
    neighbours: Annotated[
        int | None, typer.Option(min=1, help="Votes of Joint Bayesian.", show_default="30")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Seed of everything random.")] = 0,
    device: Annotated[
        str, typer.Option(help="cpu, cuda, cuda:1, mps; auto is CUDA where there is a GPU.")
    ] = "auto",
) -> None:
    """Fine-tune Sketch-a-Nets at several scales, fuse and measure them. Cut off, it goes on where it stopped."""
    from sketchwidgets.training.ensemble import FineTuning, train_ensemble

    options = {
        "folds": fold or None,
        "scales": scale or None,
        "training_views": training_views,
        "neighbours": neighbours,
    }
    recipe = FineTuning(**_given({"epochs": epochs}))
    result = train_ensemble(data, folder, recipe=recipe, seed=seed, device=device, **_given(options))
    typer.echo(result.table())


@app.command()
def convert(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="IN... OUT",
            help="A network: a .mat, or a .prototxt and a .caffemodel (also a .binaryproto with its mean, a .txt "
            "with its class names). Last, what to write: .prototxt, .mat or .safetensors.",
        ),
    ],
) -> None:
    """Convert a network between MatConvNet and Caffe. What the other format lacks is named, never left out."""
    from sketchwidgets.models.importers import convert_files

    if len(files) < 2:
        raise CommandError("give the files of a network and, last, the file to write", status=2)
    written = convert_files(files[:-1], files[-1])
    typer.echo("\n".join(map(str, written)))


@app.command()
def download(
    name: Annotated[str, typer.Argument(help="quickdraw, tu-berlin, caltech-101 or caltech-256.")],
    folder: Annotated[Path, typer.Argument(help="Where it goes; what is there is not fetched again.")],
    classes: Annotated[
        str | None, typer.Option(help='Of quickdraw: names with commas between ("cat,the moon"), or "all".')
    ] = None,
    kind: Annotated[
        str | None,
        typer.Option(
            help="simplified, raw or binary files of quickdraw; svg or png files of tu-berlin.",
            show_default="simplified or svg",
        ),
    ] = None,
    url: Annotated[
        str | None, typer.Option(help="Address of its files.", show_default="that of its makers")
    ] = None,
    known_hash: Annotated[
        str | None, typer.Option(help='Of its archive, "md5:..." or "sha256:..."; not of quickdraw.')
    ] = None,
) -> None:
    """Fetch a public data set. Cut off, it goes on where it stopped."""
    from sketchwidgets.training.datasets import download_by_name

    wanted = [part.strip() for part in classes.split(",")] if classes else None
    options = _given({"classes": wanted, "kind": kind, "url": url, "known_hash": known_hash})
    data = download_by_name(name, folder, **options)
    typer.echo(repr(data))


def _given(options: dict) -> dict:
    return {name: value for name, value in options.items() if value is not None}

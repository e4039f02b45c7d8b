"""The command line: `sketchwidgets lab`."""

from pathlib import Path
from typing import Annotated

import typer

from sketchwidgets import __version__

app = typer.Typer(
    help="See how a neural network recognises a drawing, stroke by stroke.", no_args_is_help=True
)


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
        int | None, typer.Option(min=1, max=65535, help="Port on this machine; the next free one if taken.")
    ] = None,
    browser: Annotated[bool, typer.Option(help="Open a browser window.")] = True,
) -> None:
    """Open JupyterLab on the first notebook: a canvas that recognises what is drawn."""
    from sketchwidgets import _lab

    try:
        _lab.start(folder, port=port, browser=browser, say=typer.echo)
    except _lab.LabError as error:
        typer.secho(f"Error: {error}", fg=typer.colors.RED, err=True)
        raise typer.Exit(1) from error

"""What goes wrong in a command is said in a line: a traceback would hide what the user can mend."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup


class CommandError(Exception):
    """The message for the user of a command, and the exit status that goes with it."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


_TOLD = (CommandError, ValueError, OSError, ImportError, FloatingPointError)


class Commands(TyperGroup):
    """The group of all commands, and the one place where their errors end.

    Wrong values, files that are absent, damaged, of another kind or not allowed, a disk that is full, numbers that run
    out of bounds, and packages that are not installed become a line and the status 1. Everything else is a mistake of
    the program and keeps its traceback.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command, its errors told."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader of a pipe has enough, which is no error
        except Exception as error:
            if not isinstance(error, _TOLD) and not _is_of_safetensors(error):
                raise
            if isinstance(error, ModuleNotFoundError) and str(error.name).startswith(__package__):
                raise
            say_error(error)
            raise typer.Exit(getattr(error, "status", 1)) from error


def _is_of_safetensors(error: Exception) -> bool:
    """Whether it is a file that could not be read or written, without loading the package to find out."""
    module = sys.modules.get("safetensors")
    return module is not None and isinstance(error, module.SafetensorError)


@contextmanager
def interruptible() -> Iterator[None]:
    """An interrupt of a command that goes on where it stopped: a line that says so, and the status of an interrupt."""
    try:
        yield
    except KeyboardInterrupt as error:
        text = str(error) or "the training was interrupted; the same call goes on with it"
        typer.secho(text, err=True)
        raise typer.Exit(130) from error


def say_error(error: Exception) -> None:
    """One line on stderr: what is wrong and, where the system says so, with which file."""
    typer.secho(f"Error: {described(error)}", fg=typer.colors.RED, err=True)


def described(error: Exception) -> str:
    """An error in one line.

    >>> described(IsADirectoryError(21, "Is a directory", "cats"))
    'cats: is a directory'
    """
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        text = f"{error.filename}: {error.strerror[:1].lower()}{error.strerror[1:]}"
    elif isinstance(error, ModuleNotFoundError):
        text += "; `pip install --upgrade sketchwidgets` brings what it needs"
    return " ".join(text.split()) or type(error).__name__

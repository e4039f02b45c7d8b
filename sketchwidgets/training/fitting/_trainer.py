"""A Trainer of Lightning's, or a sentence about what this machine lacks."""

from typing import Any

import lightning as L
from lightning.pytorch.utilities.exceptions import MisconfigurationException

_MACHINE = ("accelerator", "devices", "num_nodes", "strategy")


def made_trainer(**arguments: Any) -> L.Trainer:
    """Lightning's, or ValueError saying what of this machine it could not have."""
    try:
        return L.Trainer(**arguments)
    except (MisconfigurationException, ValueError, ModuleNotFoundError) as error:
        asked = ", ".join(f"{name} {arguments[name]!r}" for name in _MACHINE if name in arguments)
        raise ValueError(f"{asked}: {' '.join(str(error).split())}") from error

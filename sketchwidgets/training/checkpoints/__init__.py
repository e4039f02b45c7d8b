"""The state of a training on disk: always whole, read without running anything."""

from sketchwidgets.training.checkpoints.resumable import STATE, Resumable
from sketchwidgets.training.checkpoints.tensor_file import (
    CheckpointError,
    TensorFiles,
    read_checkpoint,
    write_checkpoint,
)

__all__ = [
    "STATE",
    "CheckpointError",
    "Resumable",
    "TensorFiles",
    "read_checkpoint",
    "write_checkpoint",
]

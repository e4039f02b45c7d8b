"""A stage of a long training: its tensors in a file, beside what they follow from."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from sketchwidgets._files import written_whole
from sketchwidgets.training.checkpoints import CheckpointError
from sketchwidgets.training.checkpoints.belonging import check_data, check_recipe

_KEY = "sketchwidgets-stage"


class Stage:
    """Tensors that are made once, and then read.

    path : a .safetensors file. recipe, data : what they follow from, JSON-ready: fields with their values, and a trace.

    Raises CheckpointError where the file is of another recipe or of other data, is damaged, or does not say; all stages
    are made before any of them is trained, so that it is known at once.
    """

    def __init__(self, path: Path, recipe: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        self.path = path
        self._facts = {"recipe": dict(recipe), "data": dict(data)}
        if path.exists():
            self._check()

    def tensors(self, make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
        """Those of the file, which `make` is asked for where there is none."""
        if not self.path.exists():
            # On the CPU and each in an order of its own: all that safetensors takes.
            made = {name: value.cpu().contiguous() for name, value in make().items()}
            with written_whole(self.path) as temporary:
                save_file(made, temporary, {_KEY: json.dumps(self._facts)})
        return load_file(self.path)

    def _check(self) -> None:
        again = f"Give another folder, or remove {self.path.name} and what was made with it"
        try:
            with safe_open(self.path, "pt") as file:
                known = json.loads((file.metadata() or {}).get(_KEY, "null"))
        except (SafetensorError, json.JSONDecodeError) as error:
            raise CheckpointError(f"{self.path}: damaged ({error}). {again}") from None
        if not isinstance(known, dict):
            raise CheckpointError(
                f"{self.path} does not say of which recipe and data it is, as older versions left it. {again}"
            )
        check_recipe(self.path, known.get("recipe"), self._facts["recipe"], again)
        check_data(self.path, known.get("data"), self._facts["data"], again)


def prefixed(**recipes: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of several recipes in one, each with the name of its recipe before it.

    >>> from sketchwidgets.training.recognizers._stages import prefixed
    >>> prefixed(cnn={"steps": 4}, strokes={"epochs": 1})
    {'cnn.steps': 4, 'strokes.epochs': 1}
    """
    return {f"{of}.{name}": value for of, recipe in recipes.items() for name, value in recipe.items()}

"""What every study returns: rows, how they were measured, and how they show themselves."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

from sketchwidgets._files import written_whole
from sketchwidgets.studies._folder import read_json
from sketchwidgets.studies._orderings import HEAD, Ordering
from sketchwidgets.studies._tables import html, markdown
from sketchwidgets.visualization import Figure


class Row(Protocol):
    """A line of a table, a frozen dataclass."""

    @property
    def name(self) -> str: ...

    def to_dict(self) -> dict[str, Any]: ...

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self: ...


_NUMBERS = re.compile(r"\[\n[-+0-9.eE,\s]*\]")

R = TypeVar("R", bound=Row)


def results_folder() -> Path:
    """Of the results measured for this version: inside the package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "results"
    return inside if inside.is_dir() else package.parent / "docs" / "results"


@dataclass(frozen=True)
class StudyResult(Generic[R]):
    """The base of a study's result, which says `_row`, `_file`, `published`, `_cells`, `orderings` and `figure`.

    rows : in the order in which they were measured. settings : see `settings`, JSON values.
    published : the paper's numbers as JSON values, with their source. `result[name]` is the row of that name.

    Raises ValueError for no rows, or two of one name.
    """

    rows: tuple[R, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)

    _row: ClassVar[type]
    _file: ClassVar[str] = ""
    published: ClassVar[Mapping[str, Any]] = {}

    def __post_init__(self) -> None:
        if not self.rows:
            raise ValueError("rows must not be empty")
        names = [row.name for row in self.rows]
        if len(set(names)) < len(names):
            raise ValueError(f"two rows are called {next(n for n in names if names.count(n) > 1)!r}")

    def __getitem__(self, name: str) -> R:
        for row in self.rows:
            if row.name == name:
                return row
        raise KeyError(f"no row {name!r}; there are {', '.join(row.name for row in self.rows)}")

    def get(self, name: str) -> R | None:
        """The row of that name, None where there is none."""
        return next((row for row in self.rows if row.name == name), None)

    def _cells(self) -> list[list[str]]:
        """The table as text, head first."""
        raise NotImplementedError

    def orderings(self) -> tuple[Ordering, ...]:
        """What the paper says comes before what, as far as the rows are there."""
        raise NotImplementedError

    def figure(self) -> Figure:
        """The study's picture, beside what is published."""
        raise NotImplementedError

    def table(self) -> str:
        """The rows in Markdown."""
        return markdown(self._cells())

    def orderings_table(self) -> str:
        """`orderings` in Markdown: the sentence, the paper's numbers, those here, and whether it holds."""
        return markdown([HEAD, *(ordering.cells() for ordering in self.orderings())])

    def to_dict(self) -> dict[str, Any]:
        """Everything as JSON-ready values, the published numbers and the orderings included."""
        return {
            "rows": [row.to_dict() for row in self.rows],
            "published": dict(self.published),
            "orderings": [ordering.to_dict() for ordering in self.orderings()],
            "settings": dict(self.settings),
        }

    def to_json(self) -> str:
        """`to_dict` as text."""
        text = json.dumps(self.to_dict(), indent=1, allow_nan=False)
        # Lists of numbers on one line: a file is read by people, too.
        return _NUMBERS.sub(lambda found: f"[{' '.join(found[0][1:-1].split())}]", text) + "\n"

    def save(self, path: str | Path) -> None:
        """Write `to_json`."""
        with written_whole(path) as temporary:
            temporary.write_text(self.to_json(), encoding="utf-8")

    @classmethod
    def open(cls, path: str | Path) -> Self:
        """The result of a file of `save`; ValueError naming the file where it is none."""
        path = Path(path)
        found = read_json(path, "not the result of this study")
        try:
            return cls(tuple(map(cls._row.from_dict, found["rows"])), dict(found["settings"]))
        except (ValueError, TypeError, KeyError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"{path}: not the result of this study ({error!r})") from None

    @classmethod
    def measured(cls) -> Self:
        """The result that was measured for this version, at small scale; FileNotFoundError where there is none."""
        return cls.open(results_folder() / cls._file)

    def _repr_html_(self) -> str:
        orderings = self.orderings()
        said = html([HEAD, *(ordering.cells() for ordering in orderings)]) if orderings else ""
        return f"{self.figure()._repr_html_()}{html(self._cells())}{said}"

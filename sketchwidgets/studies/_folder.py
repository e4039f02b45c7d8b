"""What a study has done so far, on the disk: its rows, and the processor seconds of its stages."""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sketchwidgets._files import written_whole

MAX_BYTES = 1 << 20


class StudyFolder:
    """The folder of a study, made if absent. A row that is done stays done, whatever happens to the process.

    data : as `belong_to`; None where the rows say themselves what they were measured on.

    >>> from sketchwidgets.studies._folder import StudyFolder
    >>> folder = StudyFolder("study")
    >>> folder.row("gru-512", {"epochs": 2}, lambda: {"right": 7})
    {'right': 7}
    >>> folder.row("gru-512", {"epochs": 2}, lambda: 1 / 0)  # on the disk already
    {'right': 7}
    >>> with folder.count("features"):
    ...     pass
    >>> folder.cpu_seconds()
    {'features': 0.0}
    """

    def __init__(self, path: str | Path, data: Mapping[str, str] | None = None) -> None:
        self.path = Path(path)
        self.path.mkdir(parents=True, exist_ok=True)
        self._seconds = self.path / "cpu_seconds.json"
        self._noted: dict[str, str] = {}  # by this process
        if data:
            self.belong_to(data)

    def belong_to(self, data: Mapping[str, str], kind: str = "data") -> None:
        """Note the data, name -> checksum, in data.json; ValueError where another checksum is noted of a name.

        kind : what the names are of, for the message.

        A folder with rows and without that file, of a version that noted nothing, is taken as it is. One in which nothing
        was made yet, because the data did not fit, is free for other data.
        """
        file = self.path / "data.json"
        noted: Any = dict(self._noted)
        self._noted.update(data)
        if {path.name for path in self.path.iterdir()} <= {file.name, self._seconds.name}:
            file.unlink(missing_ok=True)
        elif file.exists():
            noted = read_json(file, "not the checksums of a study's data")
            if not isinstance(noted, dict):
                raise ValueError(f"{file}: not the checksums of a study's data")
        elif (self.path / "rows").is_dir():
            return
        for name, found in data.items():
            if noted.get(name, found) != found:
                raise ValueError(f"{name}: {self.path} holds a study of other {kind}; use another folder")
        if not (data.keys() <= noted.keys() and file.exists()):
            write_json(file, {**noted, **data})

    def row(
        self, slug: str, asked: Mapping[str, Any], measure: Callable[[], Mapping[str, Any]]
    ) -> dict[str, Any]:
        """The row of this name, from the disk or, where it has not been measured yet, by `measure`.

        slug : lower-case letters, digits and hyphens. asked : JSON values of all that the row depends on.

        Raises ValueError where the row on the disk was asked for otherwise, and for a file that holds no row.
        """
        file = self.path / "rows" / f"{slug}.json"
        asked = json.loads(json.dumps(asked))
        if file.exists():
            found = read_json(file, "not a row of this study")
            if not isinstance(found, dict) or not isinstance(found.get("row"), dict):
                raise ValueError(f"{file}: not a row of this study")
            if found.get("asked") != asked:
                raise ValueError(f"{file} was measured otherwise than this plan asks; use another folder")
            return found["row"]
        row = json.loads(json.dumps(measure()))
        file.parent.mkdir(exist_ok=True)
        write_json(file, {"asked": asked, "row": row})
        return row

    @contextmanager
    def count(self, stage: str) -> Iterator[None]:
        """Add the processor seconds of the block to those of the stage."""
        start = time.process_time()
        try:
            yield
        finally:
            spent = self.cpu_seconds()
            spent[stage] = round(spent.get(stage, 0.0) + time.process_time() - start, 1)
            write_json(self._seconds, spent)

    def cpu_seconds(self) -> dict[str, float]:
        """Of each stage, over all runs; not those of a run that was killed within it."""
        return read_json(self._seconds, "not the seconds of a study") if self._seconds.exists() else {}


def read_json(path: Path, otherwise: str) -> Any:
    """What is in the file; ValueError naming it, and saying what it is not, where that is no JSON or too much."""
    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path}: larger than {MAX_BYTES:,} bytes")
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path}: {otherwise} ({error!r})") from None


def write_json(path: Path, values: Any) -> None:
    """The values, written whole."""
    with written_whole(path) as temporary:
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n", encoding="utf-8")

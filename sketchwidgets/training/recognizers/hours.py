"""Wall-clock hours of the stages of a long training, kept across restarts."""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Hours:
    """Hours by stage, in a JSON file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self) -> dict[str, float]:
        """The hours of every stage so far."""
        return json.loads(self.path.read_text()) if self.path.exists() else {}

    @contextmanager
    def count(self, stage: str) -> Iterator[None]:
        """Add what the block takes to a stage, even when it is cut off by an error."""
        start = time.monotonic()
        try:
            yield
        finally:
            spent = self.all()
            spent[stage] = round(spent.get(stage, 0) + (time.monotonic() - start) / 3600, 3)
            self.path.write_text(json.dumps(spent))

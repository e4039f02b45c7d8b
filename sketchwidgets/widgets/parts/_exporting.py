"""Widgets whose figure can be saved, from Python and by a button in the page."""

import os
import re
import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ...visualization.figures import Figure
from ._base import BundledWidget, MessageError
from ._worker import Worker

# As the buttons of the page (js/src/downloads.js).
_FORMATS: dict[str, Callable[[Figure], bytes]] = {
    "png": lambda figure: figure.to_png(),
    "svg": lambda figure: figure.to_svg().encode(),
    "pdf": lambda figure: figure.to_pdf(),
}


class ExportingWidget(BundledWidget):
    """Base of the widgets that show a `figure`. The page asks for a file and downloads what it is sent."""

    def __init__(self, **kwargs: Any) -> None:
        self._exports: deque[tuple[str, Any, Any]] = deque()
        self._exporter: Worker | None = None
        self._exporting = threading.Lock()
        super().__init__(**kwargs)

    @property
    def figure(self) -> Figure:
        """What is shown, as a figure."""
        raise NotImplementedError

    def save_picture(self, path: str | os.PathLike, scale: float = 2.0) -> None:
        """Write what is shown to a file, PNG, SVG or PDF by its suffix; ValueError for another one."""
        self.figure.save(path, scale)

    def _on_export(self, content: dict[str, Any], buffers: list[Any]) -> None:
        suffix = content.get("format")
        if not isinstance(suffix, str) or suffix not in _FORMATS:
            raise MessageError(f"export needs a format of {', '.join(_FORMATS)}, not {suffix!r}")
        with self._exporting:
            self._exports.append((suffix, content.get("client"), content.get("number")))
            if self._exporter is None:
                self._exporter = Worker(self._export, "sketchwidgets export")
                self._exporter.start()
        self._exporter.wake()

    def _export(self) -> None:
        """Draw the files that the page has asked for; a large figure takes longer than a message may."""
        while self._exports:
            suffix, client, number = self._exports.popleft()
            answer = {"type": "export", "format": suffix, "client": client, "number": number}
            try:
                figure = self.figure
                data = _FORMATS[suffix](figure)
            except Exception as error:
                self.send_error(error, f"Could not draw the {suffix.upper()}")
                self.send({**answer, "name": None})
            else:
                self.send({**answer, "name": f"{_file_name(figure.title)}.{suffix}"}, [data])

    def close(self) -> None:
        """Close the widget and end the thread that draws its files."""
        if self._exporter is not None:
            self._exporter.close()
        super().close()


def _file_name(title: str) -> str:
    """A title as the name of a file."""
    return re.sub(r"[^\w.-]+", "-", title).strip("-.")[:60] or "figure"

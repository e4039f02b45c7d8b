"""A figure in the page: tiles that can be enlarged, chosen and hovered over, and saved as PNG, SVG or PDF."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from traitlets import Bool, Int, List, TraitError, Unicode, validate

from ...visualization.figures import Chart, Figure, Tile
from ._base import MessageError, _register
from ._exporting import ExportingWidget
from ._figure_packing import pack_figure, pack_tiles
from ._newest import Newest


class TileGrid(ExportingWidget):
    """Shows a `sw.Figure`: sections of tiles and charts, each tile large when it is clicked.

    tile : side of a tile on screen in CSS pixels, 24 to 320, of a section whose `side` is 96; in proportion for
        others. Changed in the page too.
    selectable : whether a click chooses a tile instead of showing it large.
    selected : (section, tile), the chosen one, as a list; None for none. Observe it, or set it.

    Methods may be called from any thread. Newer figures replace older ones that the page has not yet painted.
    Raises TypeError for an unknown keyword, TraitError for a value out of range.

    >>> figure = sw.Figure("Noise", [sw.Section("grey", [sw.Tile.signed(torch.randn(1, 8, 8), "8 x 8")])])
    >>> grid = sw.TileGrid(figure, tile=64)
    >>> grid
    TileGrid('Noise', 1 tile)
    """

    _kind = Unicode("tile_grid").tag(sync=True)
    tile = Int(96).tag(sync=True, echo_update=False)
    selectable = Bool(False).tag(sync=True)
    selected = List(Int(), default_value=None, allow_none=True).tag(sync=True)
    toolbar = Bool(True, help="whether the page offers the size of the tiles and downloads").tag(sync=True)
    # Whether anybody wants to know where the pointer is.
    _hovers = Bool(False).tag(sync=True)

    def __init__(self, figure: Figure | None = None, **kwargs: Any) -> None:
        self._click_callbacks: list[Callable[[int, int], None]] = []
        self._hover_callbacks: list[Callable[[int | None, int, float, float], None]] = []
        self._lock = threading.RLock()
        self._newest = Newest(self._send_stale, self._lock)
        self._figure = Figure()
        # What the page lacks: everything (None), or single tiles.
        self._stale: set[tuple[int, int]] | None = set()
        super().__init__(**kwargs)
        self.on_ack(self._newest.confirm)
        self.on_heard(self._newest.hear)
        if figure is not None:
            self.show(figure)

    def __repr__(self) -> str:
        count = sum(len(section.tiles) for section in self._figure.sections)
        return f"TileGrid({self._figure.title!r}, {count} tile{'' if count == 1 else 's'})"

    @validate("tile")
    def _tile_in_range(self, proposal: dict[str, Any]) -> int:
        if not 24 <= proposal["value"] <= 320:
            raise TraitError(f"tile must be between 24 and 320, not {proposal['value']}")
        return proposal["value"]

    @validate("selected")
    def _selected_is_there(self, proposal: dict[str, Any]) -> list[int] | None:
        value = proposal["value"]
        if value is not None and not (len(value) == 2 and self._has(*value)):
            raise TraitError(f"selected must be [section, tile] of the figure or None, not {value}")
        return value

    # To the front end

    @property
    def figure(self) -> Figure:
        """The newest figure, with all updates of its tiles; an empty one before the first."""
        return self._figure

    def show(self, figure: Figure, keep_selection: bool = True) -> None:
        """Show another figure. What is chosen stays so where the figure still has it, unless told otherwise."""
        if not isinstance(figure, Figure):
            raise TypeError(f"figure must be a sketchwidgets.Figure, not {type(figure).__name__}")
        with self._lock:
            self._figure = figure
            self._stale = None
            if self.selected is not None and not (keep_selection and self._has(*self.selected)):
                self.selected = None
            self._newest.offer()

    def update_tiles(self, section: int, tiles: Mapping[int, Tile | Chart]) -> None:
        """Replace single tiles of a section, {index: Tile}, as while they are being computed.

        Raises IndexError where the figure has no such tile.
        """
        with self._lock:
            if not 0 <= section < len(self._figure.sections):
                raise IndexError(
                    f"the figure has {len(self._figure.sections)} sections, none has number {section}"
                )
            sections = list(self._figure.sections)
            changed = list(sections[section].tiles)
            for index, tile in tiles.items():
                if not self._has(section, index):
                    raise IndexError(f"section {section} has {len(changed)} tiles, none has number {index}")
                changed[index] = tile
            sections[section] = replace(sections[section], tiles=changed)
            self._figure = Figure(self._figure.title, sections)
            if self._stale is not None:
                self._stale.update((section, index) for index in tiles)
            if self._stale != set():
                self._newest.offer()

    def _has(self, section: int, tile: int) -> bool:
        sections = self._figure.sections
        return 0 <= section < len(sections) and 0 <= tile < len(sections[section].tiles)

    def _send_stale(self, frame: int, whole: bool) -> None:
        """Send what the page lacks."""
        # Forgotten first: a tile that cannot be packed would else keep back all that come after it.
        stale, self._stale = self._stale, set()
        if whole or stale is None:
            content, buffer = pack_figure(self._figure)
            content = {"type": "figure", **content}
        else:
            wanted = ((s, t, self._figure.sections[s].tiles[t]) for s, t in sorted(stale))
            tiles, buffer = pack_tiles(wanted)
            content = {"type": "tiles", "tiles": tiles}
        self._send_packed({**content, "frame": frame, "since": None}, buffer)

    def _send_packed(self, content: dict[str, Any], buffer: bytes) -> None:
        self.send(content, [buffer] if buffer else None)

    def _send_all(self, content: dict[str, Any]) -> None:
        super()._send_all(content)
        with self._lock:
            self._newest.hello(content.get("client"))
            self._stale = set()
            packed, buffer = pack_figure(self._figure)
            self._send_packed({"type": "figure", **packed, "frame": None, "since": None}, buffer)

    # From the front end: on any thread, so the callbacks should only note down what happened.

    def on_click(self, callback: Callable[[int, int], None], remove: bool = False) -> None:
        """Call `callback(section, tile)` when a tile is clicked, or entered by key. It may run on any thread."""
        _register(self._click_callbacks, callback, remove)

    def on_hover(
        self, callback: Callable[[int | None, int, float, float], None], remove: bool = False
    ) -> None:
        """Call `callback(section, tile, x, y)` as the pointer moves over a picture, on any thread.

        x and y are shares of the picture, 0 to 1 from its left and its top. `section` is None once the pointer
        has left. At most one call for each frame of the page, and none before the one before has returned.
        """
        _register(self._hover_callbacks, callback, remove)
        self._hovers = bool(self._hover_callbacks)

    def _on_click(self, content: dict[str, Any], buffers: list[Any]) -> None:
        section, tile = _place(content)
        with self._lock:
            if not self._has(section, tile):
                return  # of a figure that has gone meanwhile
            if self.selectable:
                self.selected = [section, tile]
        for callback in tuple(self._click_callbacks):
            callback(section, tile)

    def _on_hover(self, content: dict[str, Any], buffers: list[Any]) -> None:
        try:
            if content.get("section") is None:
                found, place = True, (None, 0, 0.0, 0.0)
            else:
                section, tile = _place(content)
                found, place = self._has(section, tile), (section, tile, *_shares(content))
            for callback in tuple(self._hover_callbacks) if found else ():
                callback(*place)
        finally:
            self.send({"type": "hovered"})

    def close(self) -> None:
        """Close the widget and forget the callbacks."""
        self._click_callbacks.clear()
        self._hover_callbacks.clear()
        self._newest.close()
        super().close()


def _place(content: dict[str, Any]) -> tuple[int, int]:
    place = content.get("section"), content.get("tile")
    if not all(isinstance(value, int) and not isinstance(value, bool) for value in place):
        raise MessageError(f"{content['type']} needs a section and a tile, not {place!r}")
    return place


def _shares(content: dict[str, Any]) -> tuple[float, float]:
    shares = content.get("x"), content.get("y")
    if not all(isinstance(value, int | float) and 0 <= value <= 1 for value in shares):
        raise MessageError(f"hover needs x and y between 0 and 1, not {shares!r}")
    return float(shares[0]), float(shares[1])

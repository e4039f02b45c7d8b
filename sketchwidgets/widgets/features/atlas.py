"""A browser of a feature atlas: layer, channel, the nine images and what in them excites it."""

import os
import weakref
from html import escape
from typing import Any

import ipywidgets
from traitlets import Enum, Int, TraitError, Unicode, link, validate

from ...recognition import Recognizer
from ...visualization import FeatureAtlas, Figure, Network, Tile, project
from ..explorer._explorer import Explorer
from ..explorer._given import hint_at_source
from ..explorer._job import Job
from ..parts._controls import dropdown
from ..parts.tile_grid import TileGrid
from ._atlas_looks import (
    PAGE,
    AtlasView,
    channel_figures,
    classes_of,
    excitement,
    found_channels,
    marked,
    overview_figure,
    overview_tiles,
    own_figure,
)

_RULES = ("deconvnet", "guided", "backprop")
_ORDERS = ("number", "activation", "my drawing")
_MOST = 9  # channels that are framed because the drawing excites them most


class _ChannelGrid(TileGrid):
    """The first grid of a channel in full, whose buttons save all of them."""

    def __init__(self, browser: "Atlas") -> None:
        self._browser = weakref.ref(browser)
        super().__init__()

    @property
    def figure(self) -> Figure:
        browser = self._browser()
        view = None if browser is None else browser.result
        return super().figure if view is None or view.channel is None else view.figure()


class Atlas(Explorer):
    """Looks through the channels of a network by the images that excite them most, and projects these.

    Above, a page of channels, each by its strongest image; click one to see its images and, beside them, what in
    each of them excites the channel. With a drawing, the channels that it excites most are framed in orange, can be
    put first, and the channel in full is shown on the drawing too.

    Parameters
    ----------
    feature_atlas : what `sw.atlas` returned, or the folder it was saved to; None for that of the bundled recogniser.
    network : the network that the atlas was made of, which projects stored drawings; None for the recogniser that a
        bundled atlas is of, else the bundled one. An atlas with stored projections needs none.
    source : a SketchPad or SketchLab, which is followed stroke by stroke; a Sketch; a picture.
    layer, channel : what is shown first; None: a layer in the middle, and the first channel of the order.
    search : a channel number, "dead", or a class of the images.
    order : of the channels, by "number", by their strongest "activation", or by "my drawing".
    display : of each channel, the page shows its strongest one of "patches" or "projections".
    rule : "deconvnet", "guided" or "backprop".

    layer, channel, search, order, display and rule are traits: change them in the page or in code, and observe them.
    `result` is the `AtlasView`, `save_picture` writes the channel in full. Raises TypeError for what is no atlas, network or
    source, TraitError for other values.

    >>> browser = sw.Atlas(sw.FeatureAtlas.bundled("sketch-a-net-quickdraw345"), layer="relu4", search="face")
    >>> browser.settle()
    True
    >>> browser.channel in browser.result.channels
    True
    >>> browser.close()
    """

    layer = Unicode()
    channel = Int(0)
    search = Unicode("")
    order = Enum(_ORDERS, "number")
    display = Enum(("patches", "projections"), "patches")
    rule = Enum(_RULES, "deconvnet")

    _grids: tuple[TileGrid, ...] = ()  # none yet in one whose constructor has failed
    _needs_source = False
    _follows_pen = False

    def __init__(
        self,
        feature_atlas: FeatureAtlas | str | os.PathLike | None = None,
        network: Any = None,
        source: Any = None,
        *,
        layer: str | None = None,
        channel: int | None = None,
        search: str = "",
        order: str = "number",
        display: str = "patches",
        rule: str | None = None,
    ) -> None:
        if feature_atlas is None:
            feature_atlas = FeatureAtlas.bundled()
        elif isinstance(feature_atlas, str | os.PathLike):
            feature_atlas = FeatureAtlas.open(feature_atlas)
        if not isinstance(feature_atlas, FeatureAtlas):
            raise TypeError(
                f"feature_atlas must be a FeatureAtlas or its folder, not {type(feature_atlas).__name__}"
                f"{hint_at_source(feature_atlas, type(self))}"
            )
        self.atlas = feature_atlas
        names = tuple(feature_atlas)
        self.layer = names[len(names) // 2] if layer is None else layer  # the first ones see next to nothing
        self.search, self.order, self.display = search, order, display
        self.rule = feature_atlas.rule if rule is None else rule
        self._page = 0
        self._turn_to = True  # whether the page follows the channel
        self._quiet = False
        self._tiles: dict[tuple[Any, ...], list[Tile]] = {}
        self._given = network is not None
        self._suitable: dict[int, bool] = {}
        # Until a channel is chosen, the first of the order is shown in full.
        self._automatic = channel is None
        if channel is not None:
            self.channel = channel
        self.overview = TileGrid(selectable=True)
        self.overview.add_class("skw-atlas-overview")
        # A page of it, or so much that the channel below stays in sight.
        self.overview.layout.max_height = "440px"
        self.overview.layout.overflow = "auto"
        self.projected = _ChannelGrid(self)
        self.patches, self.own = TileGrid(toolbar=False), TileGrid(toolbar=False)
        for grid in (self.patches, self.own):
            link((self.projected, "tile"), (grid, "tile"))
        self._grids = (self.overview, self.projected, self.patches, self.own)
        super().__init__(network, source, controls=self._make_controls(), view=self._make_view())
        self.observe(self._changed, ["layer", "channel", "search", "order", "display", "rule"])
        self.overview.on_click(lambda _section, tile: self._click(tile))

    def __repr__(self) -> str:
        return f"Atlas({self.atlas!r}, {self.layer}/{self.channel})"

    @validate("layer")
    def _layer_is_there(self, proposal: dict[str, Any]) -> str:
        if proposal["value"] not in self.atlas:
            raise TraitError(f"the atlas has no layer {proposal['value']!r}; it has {', '.join(self.atlas)}")
        return proposal["value"]

    @validate("channel")
    def _channel_is_there(self, proposal: dict[str, Any]) -> int:
        try:
            self.atlas[self.layer].row(proposal["value"])
        except KeyError as error:
            raise TraitError(error.args[0]) from None
        return proposal["value"]

    def _forget(self, network: Any) -> None:
        self._given = network is not None

    def _default_network(self) -> Network:
        return Network.of(Recognizer.load(self.atlas.recognizer))

    # Moving about

    @property
    def page(self) -> int:
        """The page of the overview, from 0."""
        return self._page

    def turn(self, pages: int) -> None:
        """Turn the pages of the overview, forwards or backwards."""
        count = 1 if self.result is None else -(-len(self.result.channels) // PAGE)
        self._page = min(max(self._page + pages, 0), max(count - 1, 0))
        self._turn_to = False
        self.refresh()

    def step(self, channels: int) -> None:
        """Go on by some of the channels found, or back, round and round."""
        found = () if self.result is None else self.result.channels
        if self.channel in found:
            self.channel = found[(found.index(self.channel) + channels) % len(found)]

    def excited(self, count: int = _MOST) -> list[tuple[int, float]]:
        """The channels of the layer that the drawing excites most: (channel, share of the strongest in the atlas)."""
        view = self.result
        if view is None or view.excitement is None:
            return []
        values, places = view.excitement.topk(min(count, len(view.excitement)))
        return list(zip(self.atlas[view.layer].channels[places].tolist(), values.tolist(), strict=True))

    def _click(self, tile: int) -> None:
        view = self.result
        place = 0 if view is None else view.page * PAGE + tile
        if view is not None and place < len(view.channels):
            self._automatic = False
            self.channel = view.channels[place]

    def _changed(self, change: Any) -> None:
        if self._quiet:
            return
        if change["name"] == "channel":
            self._automatic = False
        if change["name"] in ("layer", "search", "order"):
            self._page = 0
        self._turn_to = change["name"] in ("channel", "layer", "search")
        self.refresh()

    # Computing and showing

    def _prepare(self, job: Job) -> bool:
        # Stored pictures need no network, and the bundled one would not be that of the atlas.
        if self._network is None and not self.atlas.has_drawings:
            return True
        return super()._prepare(job)

    def _compute(self, job: Job) -> AtlasView:
        layer, atlas = self.layer, self.atlas
        units = atlas[layer]
        model = self._projecting(job)
        excited = None
        if job.image is not None and job.network is not None:
            excited = excitement(atlas, layer, job.network, job.image)
        channels = found_channels(atlas, layer, self.search, self.order, excited)
        channel = self._choose(channels)
        if self._turn_to and channel is not None:
            self._page = channels.index(channel) // PAGE
        page = self._page = min(self._page, max(0, (len(channels) - 1) // PAGE))
        job.check()
        shown = channels[page * PAGE : (page + 1) * PAGE]
        tiles = self._page_tiles(job, layer, shown, model)
        if excited is not None:
            most = set(units.channels[excited.topk(min(_MOST, len(excited))).indices].tolist())
            shares = [float(excited[units.row(c)]) for c in shown]
            tiles = [
                marked(tile, share, c in most and share > 0)
                for tile, share, c in zip(tiles, shares, shown, strict=True)
            ]
        overview = overview_figure(layer, self.search, channels, page, tiles, len(units))
        view = AtlasView(layer, channels, page, channel, excited, overview, Figure(), Figure(), Figure())
        if channel is None:
            return view
        job.check()
        projected, patches = channel_figures(atlas, layer, channel, model, self.rule)
        own = Figure()
        if excited is not None:
            job.check()
            own = self._own(job, layer, channel, float(excited[units.row(channel)]))
        return AtlasView(layer, channels, page, channel, excited, overview, projected, patches, own)

    def _projecting(self, job: Job) -> Any:
        """The network that projects drawings: one that was given, or a bundled one if the atlas is of it."""
        if not self.atlas.has_drawings or job.network is None:
            return None
        if self._given:
            return job.network
        key = id(job.network.module)
        if key not in self._suitable:
            self._suitable[key] = self.atlas.network is None or self.atlas.is_of(job.network)
        return job.network if self._suitable[key] else None

    def _choose(self, channels: tuple[int, ...]) -> int | None:
        """The channel in full: the one that was chosen, if it was found, else the first."""
        if not channels:
            return None
        if self.channel not in channels or self._automatic:
            self._quiet = True
            try:
                self.channel = channels[0]
            finally:
                self._quiet = False
        return self.channel

    def _page_tiles(self, job: Job, layer: str, shown: tuple[int, ...], model: Any) -> list[Tile]:
        projected = self.display == "projections" and (model is not None or self.atlas.has_projections)
        rule = self.rule if self.atlas.has_drawings else self.atlas.rule
        key = (layer, shown, projected, rule if projected else None, id(model) if projected else None)
        if key not in self._tiles:

            def go_on(done: int) -> None:
                job.check()
                job.progress(done, len(shown), "projecting the strongest images")

            tiles = overview_tiles(self.atlas, layer, shown, projected, model, rule, go_on)
            while len(self._tiles) >= 8:
                self._tiles.pop(next(iter(self._tiles)))
            self._tiles[key] = tiles
        return self._tiles[key]

    def _own(self, job: Job, layer: str, channel: int, share: float) -> Figure:
        found = project(job.network.module, job.image, layer, rule=self.rule, channels=[channel])[layer]
        return own_figure(layer, found, job.network.picture(job.image)[0], share)

    def _present(self, result: AtlasView) -> None:
        self.overview.show(result.overview, keep_selection=False)
        if result.channel is None:
            self._title.value = f"<b>{escape(result.layer)}</b> · nothing found"
        else:
            index = result.channels.index(result.channel)
            if index // PAGE == result.page:
                self.overview.selected = [0, index % PAGE]
            dead = bool(self.atlas[result.layer].dead[self.atlas[result.layer].row(result.channel)])
            what = (
                "dead: no image excites it" if dead else classes_of(self.atlas, result.layer, result.channel)
            )
            self._title.value = (
                f"<b>{escape(result.layer)} · channel {result.channel}</b>"
                f"<span style='opacity:.75'>{' · ' if what else ''}{escape(what)}</span>"
            )
        parts = ((self.projected, result.projected), (self.patches, result.patches), (self.own, result.own))
        for grid, figure in parts:
            grid.layout.display = "" if figure.sections else "none"
            grid.show(figure)
        self.patches.toolbar = not result.projected.sections
        pages = max(1, -(-len(result.channels) // PAGE))
        self._place.value = f"page {result.page + 1} of {pages}"
        for button, able in ((self._back, result.page > 0), (self._on, result.page + 1 < pages)):
            button.disabled = not able
        self._pager.layout.display = "" if pages > 1 else "none"
        self._figure = result.figure() if result.channel is not None else result.overview

    def close(self) -> None:
        """Close the widgets and end the threads."""
        super().close()
        for grid in self._grids:
            grid.close()

    # Controls

    def _make_controls(self) -> list[ipywidgets.Widget]:
        layer = dropdown("Layer", list(self.atlas))
        search = ipywidgets.Text(
            description="Find",
            placeholder="number, dead, or a class",
            continuous_update=False,
            style={"description_width": "initial"},
            layout=ipywidgets.Layout(width="230px", margin="0 14px 0 0"),
        )
        order = dropdown(
            "Order",
            [("by number", "number"), ("by activation", "activation"), ("by my drawing", "my drawing")],
        )
        display = dropdown("Show", ["patches", "projections"])
        controls = {"layer": layer, "search": search, "order": order, "display": display}
        if self.atlas.has_drawings:
            controls["rule"] = dropdown("Rule", [("guided backprop", "guided"), "deconvnet", "backprop"])
        for name, control in controls.items():
            link((self, name), (control, "value"))
        return list(controls.values())

    def _make_view(self) -> ipywidgets.VBox:
        def button(text: str, tip: str, act: Any) -> ipywidgets.Button:
            layout = ipywidgets.Layout(width="36px", flex="0 0 auto")
            made = ipywidgets.Button(description=text, tooltip=tip, layout=layout)
            made.on_click(lambda _button: act())
            return made

        self._place = ipywidgets.HTML(layout=ipywidgets.Layout(margin="0 6px"))
        self._back = button("◀", "Channels before", lambda: self.turn(-1))
        self._on = button("▶", "Channels after", lambda: self.turn(1))
        self._pager = ipywidgets.HBox(
            [self._back, self._place, self._on],
            layout=ipywidgets.Layout(align_items="center", display="none"),
        )
        self._title = ipywidgets.HTML(
            layout=ipywidgets.Layout(margin="0 8px", flex="1 1 auto", min_width="0")
        )
        before = button("◀", "Channel before", lambda: self.step(-1))
        after = button("▶", "Channel after", lambda: self.step(1))
        head = ipywidgets.HBox(
            [before, after, self._title], layout=ipywidgets.Layout(align_items="center", margin="8px 0 0 0")
        )
        for grid in (self.projected, self.patches, self.own):
            grid.layout.flex = "0 1 350px" if grid is not self.own else "0 1 180px"
            grid.layout.min_width = "0"
        self.own.layout.align_self = "flex-start"
        detail = ipywidgets.HBox(
            [self.projected, self.patches, self.own],
            # By their lower ends: only the first has a toolbar above, and the rows of both should be level.
            layout=ipywidgets.Layout(flex_flow="row wrap", align_items="flex-end", grid_gap="0 24px"),
        )
        return ipywidgets.VBox([self.overview, self._pager, head, detail])

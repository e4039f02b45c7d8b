"""What the Atlas browser shows: the channels of a page, and one channel in full."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch

from ...visualization import FeatureAtlas, Figure, LayerProjection, Section, Tile, record
from ...visualization.feature_atlas.tiles import patch_tile, projection_tile
from ...visualization.figures._numbers import percent

PAGE = 48  # channels on a page of the overview
_AT_ONCE = 8  # drawings projected at once, between two looks whether they are still wanted


@dataclass(frozen=True, eq=False)
class AtlasView:
    """One look into an atlas.

    channels : all channels found, in the order shown; page : which part of them; channel : the one in full.
    excitement : (c,) how much the drawing excites each channel of the layer, 1 being the strongest image of the
        atlas; None without a drawing.
    overview, projected, patches, own : the figures shown; own is the drawing's.
    """

    layer: str
    channels: tuple[int, ...]
    page: int
    channel: int | None
    excitement: torch.Tensor | None
    overview: Figure
    projected: Figure
    patches: Figure
    own: Figure

    def figure(self) -> Figure:
        """The channel in full, to be saved."""
        parts = [part for part in (self.projected, self.patches, self.own) if part.sections]
        return Figure(
            f"{self.layer} · channel {self.channel}", [section for part in parts for section in part.sections]
        )


def excitement(atlas: FeatureAtlas, layer: str, network: Any, image: torch.Tensor) -> torch.Tensor:
    """(c,) maxima of a layer's channels on an image, as shares of the strongest in the atlas; 0 for dead ones."""
    maps = record(network.module, image, [layer]).maps(layer)[0].float().cpu()
    peaks = maps.flatten(1).amax(1) if maps.ndim == 3 else maps
    units = atlas[layer]
    if int(units.channels.max()) >= len(peaks):
        raise ValueError(f"layer {layer!r} has {len(peaks)} channels, the atlas is of another network")
    strongest = units.activations[:, 0].float()
    return torch.where(strongest > 0, peaks[units.channels] / strongest, 0.0).clamp_min(0)


def found_channels(
    atlas: FeatureAtlas, layer: str, search: str, order: str, excited: torch.Tensor | None
) -> tuple[int, ...]:
    """The channels that fit a search, in the order asked for."""
    units = atlas[layer]
    channels = [channel for _, channel in atlas.find(search, layer)]
    if order == "activation":
        strongest = units.activations[:, 0]
        channels.sort(key=lambda channel: -float(strongest[units.row(channel)]))
    elif order == "my drawing" and excited is not None:
        channels.sort(key=lambda channel: -float(excited[units.row(channel)]))
    return tuple(channels)


def overview_tiles(
    atlas: FeatureAtlas,
    layer: str,
    channels: Sequence[int],
    projected: bool,
    model: Any,
    rule: str,
    go_on: Callable[[int], None],
) -> list[Tile]:
    """The strongest image of each channel, or its projection."""
    units = atlas[layer]
    rows = [units.row(channel) for channel in channels]
    tiles = []
    if not projected:
        patches = atlas.strongest_patches(layer, channels)
        tiles = [
            patch_tile(atlas, units, r, 0, p, by_channel=True) for r, p in zip(rows, patches, strict=True)
        ]
    else:
        for first in range(0, len(channels), _AT_ONCE):
            go_on(first)
            part = channels[first : first + _AT_ONCE]
            values = atlas.strongest_projections(layer, part, 0, model, rule)
            tiles += [
                projection_tile(atlas, units, units.row(c), 0, v, by_channel=True)
                for c, v in zip(part, values, strict=True)
            ]
    return [_labelled_dead(tile, bool(units.dead[row])) for tile, row in zip(tiles, rows, strict=True)]


def marked(tile: Tile, share: float | None, most: bool) -> Tile:
    """A tile of the overview with how much the drawing excites its channel; framed if it is one of the most excited."""
    if share is None:
        return tile
    number = tile.caption.split(" · ")[0]
    boxes = ()
    if most and tile.pixels is not None:
        height, width = tile.pixels.shape[:2]
        boxes = ((0, 0, height, width),)
    facts = (("Your drawing", f"{_of_strongest(share)} of the strongest"), *tile.facts)
    return replace(tile, caption=f"{number} · {_of_strongest(share)}", boxes=boxes, facts=facts)


def _of_strongest(share: float) -> str:
    """Per cent of the strongest image of the data set, of which a drawing may well be more than all."""
    return percent(share) if share < 0.995 else f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def overview_figure(
    layer: str, search: str, channels: Sequence[int], page: int, tiles: Sequence[Tile], total: int
) -> Figure:
    """The page of channels."""
    if not channels:
        nothing = Tile(None, label="none found")
        return Figure(f"{layer} · no channel for {search!r}", [Section("", [nothing], side=72)])
    what = f"{len(channels)} of {total} channels" if len(channels) < total else f"{total} channels"
    where = f", page {page + 1} of {-(-len(channels) // PAGE)}" if len(tiles) < len(channels) else ""
    return Figure(f"{layer} · {what}{where}", [Section("", tiles, side=72)])


def channel_figures(
    atlas: FeatureAtlas, layer: str, channel: int, model: Any, rule: str
) -> tuple[Figure, Figure]:
    """The nine projections and the nine patches of a channel."""
    units = atlas[layer]
    row = units.row(channel)
    projected = Figure()
    if model is not None or atlas.has_projections:
        values = atlas.projections(layer, channel, model, rule if atlas.has_drawings else None)
        tiles = [projection_tile(atlas, units, row, k, v) for k, v in enumerate(values)]
        shown = rule if atlas.has_drawings else atlas.rule
        projected = Figure("", [Section(f"Projected · {shown}", tiles, "zero is mid-grey", _columns(tiles))])
    patches = atlas.patches(layer, channel)
    tiles = [patch_tile(atlas, units, row, k, p) for k, p in enumerate(patches)]
    height, width = units.size
    what = f"{height} x {width} pixels, grey beyond the border"
    return projected, Figure("", [Section("What the unit sees", tiles, what, _columns(tiles))])


def own_figure(layer: str, projection: LayerProjection, picture: Any, share: float) -> Figure:
    """The channel on the drawing: its projection and where on the drawing it looks."""
    box = tuple(projection.boxes[0, 0].tolist())
    value = float(projection.activations[0, 0])
    caption = f"{_of_strongest(share)} of the strongest"
    if bool(projection.dead[0, 0]):
        first = Tile(None, "does not excite it", label="silent")
    else:
        first = Tile.signed(projection.images[0, 0].float().cpu(), f"{value:.3g}")
    second = Tile(picture, caption, "Where the unit looks", boxes=(box,), smooth=True)
    channel = int(projection.channels[0, 0])
    return Figure("", [Section("On your drawing", [first, second], f"{layer}, channel {channel}", 1)])


def classes_of(atlas: FeatureAtlas, layer: str, channel: int) -> str:
    """The classes of a channel's images, the most frequent first: "face 4, cat 2, ..."."""
    units = atlas[layer]
    row = units.row(channel)
    places = zip(units.images[row].tolist(), units.activations[row].tolist(), strict=True)
    names = Counter(atlas.class_of(image) for image, activation in places if activation > 0)
    names.pop(None, None)
    return ", ".join(name if count == 1 else f"{name} {count}" for name, count in names.most_common())


def _columns(tiles: Sequence[Tile]) -> int | None:
    return 3 if len(tiles) == 9 else None


def _labelled_dead(tile: Tile, dead: bool) -> Tile:
    return (
        Tile(None, tile.caption, "No image excites this channel", label="dead", facts=tile.facts)
        if dead
        else tile
    )

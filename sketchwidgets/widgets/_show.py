"""The interactive view of a value."""

from collections.abc import Sequence
from functools import singledispatch
from typing import Any

import ipywidgets
from torch import Tensor

from ..recognition import Prediction, Session
from ..sketch import Sketch
from ..visualization import (
    Chart,
    FeatureAtlas,
    FeatureEvolution,
    Figure,
    Filters,
    GaborFits,
    Invariance,
    LayerProjection,
    Occlusion,
    Projections,
    Reconstruction,
    Sparsified,
)
from .board.sketch_pad import SketchPad
from .features.atlas import Atlas
from .features.evolution_player import EvolutionPlayer
from .features.filter_gallery import FilterGallery
from .features.invariance_plot import InvariancePlot
from .input_modification._occlusion_view import OcclusionView
from .input_modification._sparsified_player import SparsifiedPlayer
from .live.layer_panels import LayerPanels
from .live.recognition import Recognition
from .parts.chart_view import ChartView
from .parts.tile_grid import TileGrid
from .reconstruction._reconstruction_player import ReconstructionPlayer


@singledispatch
def show(result: Any) -> ipywidgets.DOMWidget:
    """The interactive widget of a value.

    A Sketch gives a SketchPad that holds it; what `sw.project` returns, LayerPanels, with a slider where there are
    several images; of `sw.gabor_fit` or `sw.first_layer`, a FilterGallery; of `sw.invariance`, an InvariancePlot; of
    `sw.sparsify`, a player of the strokes that can go; a Prediction, a list of them (as `Recognizer.recognize` returns)
    or a Session, a Recognition; a Figure, and any other result that has one, a TileGrid, or a ChartView where there are
    only charts, as of most studies.

    Raises TypeError, which names the type, for anything else.

    >>> sw.show(sw.Sketch([[(0, 0), (100, 100)], [(0, 100), (100, 0)]]))
    SketchPad(2 strokes)
    >>> network = sw.models.SketchANet().eval()
    >>> sw.show(sw.project(network, torch.rand(1, 1, 225, 225), layers="relu2", top=4, rule="guided"))
    LayerPanels(rule='guided', top=4, layers=['relu2'])
    """
    figure = getattr(result, "figure", None)
    if callable(figure) and not isinstance(result, type):
        return show(figure())
    raise TypeError(
        f"there is no widget for {_kind(result)}; show takes a Sketch, a Prediction, a list of predictions, a "
        "Session, a Figure, and what the functions of sketchwidgets that look into a network return"
    )


@show.register
def _show_sketch(sketch: Sketch) -> SketchPad:
    return SketchPad(sketch=sketch)


@show.register
def _show_figure(figure: Figure) -> ipywidgets.DOMWidget:
    tiles = [tile for section in figure.sections for tile in section.tiles]
    only_charts = tiles and all(isinstance(tile, Chart) for tile in tiles)
    return ChartView(figure) if only_charts else TileGrid(figure)


@show.register
def _show_chart(chart: Chart) -> ChartView:
    return ChartView(chart)


@show.register
def _show_atlas(feature_atlas: FeatureAtlas) -> Atlas:
    return Atlas(feature_atlas)


@show.register
def _show_evolution(evolution: FeatureEvolution) -> EvolutionPlayer:
    return EvolutionPlayer(evolution)


@show.register(Filters)
@show.register(GaborFits)
def _show_filters(filters: Filters | GaborFits) -> FilterGallery:
    return FilterGallery(filters)


@show.register
def _show_invariance(result: Invariance) -> InvariancePlot:
    return InvariancePlot(result)


@show.register
def _show_reconstruction(result: Reconstruction) -> ReconstructionPlayer:
    return ReconstructionPlayer(result)


@show.register
def _show_occlusion(found: Occlusion) -> OcclusionView:
    return OcclusionView(found)


@show.register
def _show_sparsified(result: Sparsified) -> SparsifiedPlayer:
    return SparsifiedPlayer(result)


@show.register
def _show_prediction(prediction: Prediction) -> Recognition:
    return _show_predictions([prediction])


@show.register
def _show_session(session: Session) -> Recognition:
    return _show_predictions(session.predictions)


@show.register(list)
@show.register(tuple)
def _show_predictions(predictions: Sequence[Prediction]) -> Recognition:
    for prediction in predictions:
        if not isinstance(prediction, Prediction):
            return show.dispatch(object)(predictions)
    recognition = Recognition()
    recognition.update(predictions)
    return recognition


@show.register
def _show_projections(projections: Projections) -> ipywidgets.DOMWidget:
    return _panels(list(projections.values()))


@show.register
def _show_layer(projection: LayerProjection) -> ipywidgets.DOMWidget:
    return _panels([projection])


def _panels(layers: list[LayerProjection]) -> ipywidgets.DOMWidget:
    if not layers:
        raise ValueError("there is no layer to show")
    made = layers[0].rule
    count = layers[0].channels.shape[1]
    panels = LayerPanels(rule=made, top=min(count, 16), layers=[layer.layer for layer in layers])
    panels.send_rows([(layer.layer, layer.layer) for layer in layers])
    slider = ipywidgets.IntSlider(description="image", min=0, max=len(layers[0]) - 1)

    def send(_change: Any = None) -> None:
        rows = [(layer.layer, layer.layer, _Part(layer, slider.value, panels.top)) for layer in layers]
        size = max(layers[0].image_size)
        panels.send_panels(slider.value, rows, frame=None, rule=made, replace=True, done=True, size=size)

    def keep_rule(change: Any) -> None:
        if change["new"] != made:
            panels.rule = made
            panels.send_status(
                f"These are projections by {made}; sw.project(..., rule={change['new']!r}) makes others."
            )

    slider.observe(send, names="value")
    panels.observe(send, names="top")
    panels.observe(keep_rule, names="rule")
    send()
    if slider.max == 0:
        return panels
    player = ipywidgets.VBox([slider, panels])
    player.add_class("skw-player")
    return player


class _Part:
    """The strongest units of one image of a LayerProjection, as a widget packs them."""

    def __init__(self, projection: LayerProjection, image: int, top: int) -> None:
        self._crops = projection.crops(image)[:top]
        for name in ("channels", "positions", "activations", "boxes", "dead"):
            setattr(self, name, getattr(projection, name)[image : image + 1, :top])

    def crops(self, _image: int) -> list[Tensor]:
        return self._crops


def _kind(value: Any) -> str:
    if isinstance(value, list | tuple):
        inner = sorted({type(item).__name__ for item in value})
        return f"a {type(value).__name__} of {', '.join(inner)}"
    return type(value).__name__

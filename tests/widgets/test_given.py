"""A drawing where a network belongs: the error says where it belongs."""

import pytest
import torch
from _networks import HOUSE, skipping

import sketchwidgets as sw


@pytest.mark.parametrize(
    "widget",
    [
        sw.Atlas,
        sw.Compare,
        sw.InvariancePlot,
        sw.LayerSwitches,
        sw.OcclusionExplorer,
        sw.ProjectionPanels,
        sw.ReconstructionView,
        sw.RuleExplorer,
        sw.StrokeExplorer,
    ],
)
def test_a_drawing_in_the_place_of_the_network_is_shown_its_own(widget):
    for given in (sw.SketchPad(), HOUSE, torch.zeros(3, 32, 32)):
        said = rf"not {type(given).__name__}; .* source: {widget.__name__}\(source="
        with pytest.raises(TypeError, match=said):
            widget(given)


def test_a_drawing_is_no_network_later_on_either_nor_one_of_several():
    explorer = sw.ProjectionPanels(skipping())
    with pytest.raises(TypeError, match=r"not Sketch; .* ProjectionPanels\(source="):
        explorer.network = HOUSE
    explorer.close()
    with pytest.raises(TypeError, match=r"not Sketch; .* Compare\(source="):
        sw.Compare([skipping(), HOUSE])
    with pytest.raises(TypeError, match=r"not Sketch$"):
        sw.FilterGallery(HOUSE)  # which looks at no drawing

"""Drawings made of a drawing (Yu et al., BMVC 2015 and IJCV 2017): fewer strokes, deformed strokes, strokes by order.

Each comes for one `Sketch`, and for many drawings packed into three arrays, as the rasterizer takes them: points
(P, 2), points of each stroke (S,), and the number of the drawing that each stroke belongs to (S,), from 0 and rising.
"""

from .augment import augment
from .deformation import deform_packed_sketches, deform_packed_strokes, deform_sketch, deform_strokes
from .moving_least_squares import move_by_least_squares
from .stroke_order import rasterize_stroke_order, stroke_order_channels, stroke_order_parts
from .stroke_removal import kept_strokes, removal_probabilities, remove_strokes, strokes_to_keep

__all__ = [
    "augment",
    "deform_packed_sketches",
    "deform_packed_strokes",
    "deform_sketch",
    "deform_strokes",
    "kept_strokes",
    "move_by_least_squares",
    "rasterize_stroke_order",
    "removal_probabilities",
    "remove_strokes",
    "stroke_order_channels",
    "stroke_order_parts",
    "strokes_to_keep",
]

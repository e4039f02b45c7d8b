"""How large a drawing may be.

Files come from strangers. Each limit is far above any drawing a person makes (the longest of TU-Berlin has a
few thousand points) and far below what would exhaust the memory of a laptop.
"""

MAX_POINTS = 1_000_000
"""Points of one sketch, after curves are flattened."""

MAX_STROKES = 100_000
"""Strokes of one sketch."""

MAX_COORDINATE = 1e9
"""Largest |x|, |y| and |t|: squares and sums of squares stay finite in float32."""

MAX_ROUNDING = 1 / 200
"""How far float32 may move a point, as a share of the drawing's longer side: a pixel of what a network sees."""

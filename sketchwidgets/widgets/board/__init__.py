"""The board to draw on: what the page sends, and the drawing that becomes of it."""

"""The lab while one draws: strokes in, predictions and panels out, on one thread; and the widgets that show them."""

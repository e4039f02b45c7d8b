"""The live engine: strokes in, predictions and panels out, on one thread."""

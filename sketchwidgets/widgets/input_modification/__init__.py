"""What becomes of the answer when the input is changed: hidden patches, missing and deformed strokes."""

"""One unit's way down to the pixels, step by step, under the three rules side by side."""

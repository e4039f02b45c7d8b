"""Layers projected back to the pixels: any network, step by step, side by side."""

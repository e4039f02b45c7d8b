"""One forward pass, written down as a tape of steps."""

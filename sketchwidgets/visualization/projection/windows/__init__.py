"""The fast path: signals that live in windows, passed down the tape."""

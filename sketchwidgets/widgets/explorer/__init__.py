"""The base of the widgets that look into a network: a source that is followed, a worker, progress, cancelling."""

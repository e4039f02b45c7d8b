"""What the notebooks of the tests import: a recogniser."""

"""Training, watched while it runs."""

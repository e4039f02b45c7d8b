"""What widgets are made of: the link to the page, grids of tiles, charts, controls, files to save."""

"""The networks of the papers, a file each."""

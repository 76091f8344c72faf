"""Where things lie, as pure numbers and strings: slabs, gaps, good slices, pyramid levels, the paths of all files."""

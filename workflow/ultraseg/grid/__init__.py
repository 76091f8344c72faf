"""Where things lie, as pure numbers and strings: slabs, gaps, good slices, pyramid levels, the path of every file of a run."""

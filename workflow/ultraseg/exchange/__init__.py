"""In and out: boxes of public volumes, slices to correct by hand and back, results for other software, comparison."""

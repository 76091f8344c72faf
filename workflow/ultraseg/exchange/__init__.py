"""In and out: boxes of public volumes, labels by hand, corrections, results for other software and archives, comparison."""

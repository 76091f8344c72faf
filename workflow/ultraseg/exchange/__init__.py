"""In and out: boxes of public volumes, labels and corrections by hand, results for other software, comparing."""

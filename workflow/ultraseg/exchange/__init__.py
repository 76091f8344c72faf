"""In and out: boxes of public volumes, labels and corrections by hand, results for software and archives, comparing."""

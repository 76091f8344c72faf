"""The plan of a run: configuration, volumes, networks, splits of labelled slices, gaps."""

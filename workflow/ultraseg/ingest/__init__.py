"""The user's image: which files hold which slice, TIFF, MRC and OME-Zarr, the window of grey values, missing slices."""

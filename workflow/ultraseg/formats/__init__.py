"""Files of images and labels: what TIFF, MRC and OME-Zarr hold, how their slices are read, what other formats need."""

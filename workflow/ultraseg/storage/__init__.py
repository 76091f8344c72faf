"""Arrays and label slices of a run on disk: Zarr with one shard per slab, OME-Zarr metadata, HDF5."""

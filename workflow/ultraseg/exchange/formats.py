"""The forms in which results go out; light, as the command line lists them before anything is read."""

FORMATS = {
    "slices": "one TIFF per slice and structure",
    "stack": "one TIFF per structure, for ImageJ and Fiji",
    "webknossos": "a dataset for webKnossos, to upload: image and labels (Zarr 3)",
    "webknossos-annotation": "labels as volume annotations for webKnossos, to correct there: one ZIP per structure",
    "ome-zarr": "OME-Zarr 0.4 (Zarr 2); the results themselves are OME-Zarr 0.5",
    "swc": "skeletons of cells or organelles, and courses of protrusions, as SWC (needs make extras)",
}

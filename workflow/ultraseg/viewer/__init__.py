"""Views of results: page and server for the browser, napari, surfaces, skeletons."""

"""ultrack on given labels, by the calls of its documentation; a slice is a time point.

Its defaults but the smallest area: it leaves out objects under 100 pixels, and pieces of protrusions have 16 or more.
"""

import sys
from pathlib import Path

import numpy as np
from ultrack import MainConfig, to_tracks_layer, track, tracks_to_zarr

SMALLEST = 16


def main() -> None:
    given, out = Path(sys.argv[1]), Path(sys.argv[2])
    config = MainConfig()
    config.data_config.working_dir = out
    config.segmentation_config.min_area = SMALLEST
    track(config, labels=np.load(given / "pieces.npy"), overwrite=True)
    tracks, _ = to_tracks_layer(config)
    found = tracks_to_zarr(config, tracks)
    np.save(out / "objects-cells.npy", np.asarray(found).astype(np.uint32))


if __name__ == "__main__":
    main()

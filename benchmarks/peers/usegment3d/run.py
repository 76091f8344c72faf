"""u-Segment3D's indirect method on our 2D cells of one view, with the settings of its examples.

By default it starts half as many processes of Dask as there are further cores. On two cores that are none, and it waits
for ever; so it is told two. The processes read this file once more, which is why there is ``main``.
"""

import sys
from pathlib import Path

import numpy as np


def main() -> None:
    import segment3D.parameters as parameters
    import segment3D.usegment3d as usegment3d

    given, out = Path(sys.argv[1]), Path(sys.argv[2])
    pieces = np.load(given / "pieces.npy").astype(np.int32)
    settings = parameters.get_2D_to_3D_aggregation_params()
    settings["indirect_method"]["dtform_method"] = "cellpose_improve"
    settings["indirect_method"]["n_cpu"] = 2
    settings["gradient_descent"] |= {"gradient_decay": 0.0, "n_iter": 250, "momenta": 0.98}
    found, _ = usegment3d.aggregate_2D_to_3D_segmentation_indirect_method(
        segmentations=[pieces, [], []],
        img_xy_shape=pieces.shape,
        precomputed_binary=pieces > 0,
        params=settings,
    )
    np.save(out / "objects-cells.npy", np.asarray(found).astype(np.uint32))


if __name__ == "__main__":
    main()

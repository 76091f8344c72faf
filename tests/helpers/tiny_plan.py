"""A plan of one or two volumes over tiny TIFF stacks."""

import os

import h5py
import numpy as np
import tifffile
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.plan.volume import Volume

LABELLED = (0, 5, 10, 15, 20)


def write_stack(folder, zs, shape=(24, 40), dtype="uint8", number="z{:04d}.tif"):
    folder.mkdir(parents=True, exist_ok=True)
    for z in zs:
        tifffile.imwrite(folder / number.format(z), np.full(shape, z + 1, dtype))
    return str(folder)


def make_config(folder, n_slices=21, labelled=LABELLED, **changes) -> dict:
    """A complete configuration of one volume 'a' in ``folder``: cells, nuclei and a membrane, two networks."""
    write_stack(folder / "image", range(n_slices))
    for structure in ("cells", "nuclei"):
        write_stack(folder / structure, labelled, dtype="uint16")
    write_stack(folder / "membrane", labelled[:2])
    config = {
        "data_root": str(folder),
        "slab_depth": 4,
        "pyramid_levels": 3,
        "propagate": {"method": "flow"},
        "volumes": {
            "a": {
                "image": "image",
                "voxel_size_nm": [4, 4, 4],
                "labels": {s: s for s in ("cells", "nuclei", "membrane")},
                "truth": {},
            }
        },
        "structures": {
            "cells": {"kind": "cells"},
            "nuclei": {"kind": "organelle", "threshold": 0.3},
            "membrane": {"kind": "mask"},
        },
        "networks": {
            "context": {"structures": ["nuclei", "cells"], "downsample": 4},
            "detail": {"structures": ["membrane"], "z_context": 0},
        },
    }
    return config | changes


def make_plan(folder, **changes) -> Plan:
    return Plan(load_config(make_config(folder, **changes)))


def open_with(folder, lost=(), **settings) -> Volume:
    """Volume 'a' of 21 slices, labelled on every 5th, after the files ``lost`` were removed."""
    config = make_config(folder)
    for z in lost:
        os.remove(folder / f"image/z{z:04d}.tif")
    config["volumes"]["a"] |= settings
    return Plan(load_config(config)).volumes["a"]


def plan_holding_out(folder, *zs, **changes) -> Plan:
    """A plan whose network of the cells is tested on the slices ``zs``."""
    config = make_config(folder, **changes)
    config["networks"]["context"]["test"] = list(zs)
    return Plan(load_config(config))


def plan_in_volume(folder, method="auto", link=None, **settings) -> Plan:
    """A plan whose voxels are near-isotropic at the scale of the cells; ``settings``: of the volume."""
    config = make_config(folder, propagate={"method": method}, link=link or {})
    config["volumes"]["a"] |= {"voxel_size_nm": [16, 4, 4]} | settings  # a step along z is a slice
    return Plan(load_config(config))


def plan_with_bad_slices(folder, **changes) -> Plan:
    """Slices 3, 4 and 7 to 12 are bad: of the slabs 0-3, 4-7, 8-11, 12-15, 16-19, 20 slab 2 has no good slice."""
    config = make_config(folder, **changes)
    config["volumes"]["a"]["bad_slices"] = [3, 4, 7, 8, 9, 10, 11, 12]
    config["networks"]["detail"]["z_context"] = 1
    return Plan(load_config(config))


def plan_without_cells(folder) -> Plan:
    """A plan of nuclei and a membrane."""
    config = make_config(folder)
    del config["structures"]["cells"], config["volumes"]["a"]["labels"]["cells"]
    config["networks"]["context"]["structures"] = ["nuclei"]
    return Plan(load_config(config))


def plan_of_maps(folder, **volume) -> Plan:
    """A plan whose membrane and spots come from folders of TIFFs of another program, of half the size of the image."""
    write_stack(folder / "maps", range(21), (12, 20))
    config = make_config(folder)
    config["structures"]["spots"] = {"kind": "organelle", "objects": {"a": "maps"}}
    config["volumes"]["a"] |= volume
    config["networks"]["detail"] = {"structures": ["membrane"], "maps": {"a": {"membrane": "maps"}}}
    return Plan(load_config(config))


def config_of_affinities(
    folder, source="affs.h5", shape=(3, 21, 24, 40), method="volume", downsample=1, **maps
) -> dict:
    """A configuration whose cells come from affinities (HDF5, c z y x); voxels are isotropic. maps: further ones."""
    with h5py.File(folder / "affs.h5", "w") as file:
        file["main"] = np.zeros(shape, np.uint8)
    config = make_config(folder, propagate={"method": method})
    maps = {key.replace("_", "/"): value for key, value in maps.items()}
    config["structures"].pop("nuclei"), config["volumes"]["a"]["labels"].pop("nuclei")
    config["networks"]["context"] = {
        "structures": ["cells"],
        "downsample": downsample,
        "maps": {"a": {"cells/affinities": source, **maps}},
    }
    return config


def plan_of_affinities(folder, **volume) -> Plan:
    """A plan whose cells are made in three dimensions from affinities of another program."""
    config = config_of_affinities(folder)
    config["volumes"]["a"] |= volume
    return Plan(load_config(config))


def plan_of_objects(folder) -> Plan:
    """A plan whose nuclei are a label volume of another program, of half the size of the image."""
    tifffile.imwrite(folder / "ids.tif", np.zeros((21, 12, 20), np.uint16), photometric="minisblack")
    config = make_config(folder)
    config["structures"]["nuclei"] = {"kind": "organelle", "objects": {"a": "ids.tif"}}
    config["networks"]["context"]["structures"] = ["cells"]
    return Plan(load_config(config))


def config_of_ready_cells(folder, **volume) -> dict:
    """A configuration whose cells are a label volume of another program, at the size of the image, without networks."""
    tifffile.imwrite(folder / "ids.tif", np.full((21, 24, 40), 5, np.uint16), photometric="minisblack")
    config = make_config(folder)
    config["structures"] = {"cells": {"kind": "cells", "objects": {"a": "ids.tif"}}}
    config["cells"] = {"downsample": 2}
    config["volumes"]["a"] |= {"labels": {}} | volume
    return {key: value for key, value in config.items() if key != "networks"}


def two_volumes(folder, **networks) -> dict:
    """A second volume 'b' of 9 slices without labels; ``networks``: settings added to each network."""
    config = make_config(folder)
    write_stack(folder / "b", range(100, 109), (30, 20), "uint16")
    config["volumes"]["b"] = {"image": "b", "voxel_size_nm": [20, 4, 4], "intensity_window": [10, 4000]}
    for network in config["networks"].values():
        network |= networks
    return config


def write_labels(folder):
    """Labels that pass: ids for cells, spots for mitochondria."""
    for kind in ("cells", "nuclei", "membrane"):
        for file in sorted((folder / kind).glob("*.tif")):
            values = np.zeros((24, 40), np.uint16)
            values[2:9, 3:9], values[12:20, 20:30] = 1, 2
            tifffile.imwrite(file, values)


def config_with_planes(folder, **volume) -> dict:
    """A configuration whose voxels are as long as pixels of the cells: one xz and two yz planes of cells.

    ``volume``: settings of the volume. At the scale of the cells a step along z is a slice.
    """
    write_stack(folder / "xz", [7], (21, 40), "uint16", "y{:03d}.tif")
    write_stack(folder / "yz", [11, 33], (21, 24), "uint16", "x{:03d}.tif")
    config = make_config(folder, propagate={"method": "volume"})
    cells = {"path": "cells", "planes": {"xz": "xz", "yz": {"path": "yz"}}}
    config["volumes"]["a"] |= {"voxel_size_nm": [16, 4, 4], **volume}
    config["volumes"]["a"]["labels"]["cells"] = cells
    return config


def plan_with_planes(folder, **volume) -> Plan:
    """A plan of ``config_with_planes``."""
    return Plan(load_config(config_with_planes(folder, **volume)))

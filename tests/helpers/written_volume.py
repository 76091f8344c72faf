"""Writes a small volume as a finished run has it."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from ultraseg.grid.pyramid_levels import chunk_and_shard, pyramid_levels
from ultraseg.storage.arrays import write_slab
from ultraseg.storage.create import create_array, create_group
from ultraseg.storage.ome_write import image_attributes, label_attributes, labels_attributes
from ultraseg.storage.pyramid import reduce_image, reduce_labels, write_pyramid


def write_volume(
    image: Path,
    stacks: Mapping[str, np.ndarray],
    *,
    voxel_nm: Sequence[float],
    depth: int,
    levels: int = 2,
    origin_nm: Sequence[float] = (0, 0, 0),
) -> None:
    """Write ``stacks``, 'image' uint8 and labels uint32 (Z, Y, X) by their names, as the OME-Zarr ``image``.

    The volume has the name of the folder that it is in; slabs are ``depth`` slices deep.
    """
    name, structures = image.parent.name, [name for name in stacks if name != "image"]
    sizes = pyramid_levels(stacks["image"].shape, voxel_nm, depth, levels)
    _write_group(
        image, image_attributes(name, sizes, voxel_nm, origin_nm), stacks["image"], sizes, reduce_image
    )
    create_group(str(image / "labels"), labels_attributes(structures))
    for structure in structures:
        attributes = label_attributes(structure, sizes, voxel_nm, origin_nm)
        _write_group(image / "labels" / structure, attributes, stacks[structure], sizes, reduce_labels)


def _write_group(group: Path, attributes: dict, stack: np.ndarray, sizes: list, reduce) -> None:
    create_group(str(group), attributes)
    for number, level in enumerate(sizes):
        create_array(str(group / str(number)), level.shape, level.chunk, level.shard, stack.dtype.name, "zyx")
    depth = sizes[0].shard[0]
    for start in range(0, len(stack), depth):
        write_pyramid(str(group), start, stack[start : start + depth], sizes, reduce)


def write_stack(path: Path, stack: np.ndarray, depth: int) -> None:
    """Write one array (Z, Y, X) as a run lays it out, without the group around it."""
    chunk, shard = chunk_and_shard(stack.shape[1:], depth)
    create_array(str(path), stack.shape, chunk, shard, str(stack.dtype), "zyx")
    for start in range(0, len(stack), depth):
        write_slab(str(path), start, stack[start : start + depth])

"""Which networks may use labelled planes across the slices: those whose planes look like slices."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from ultraseg.base.errors import Problems, UserError
from ultraseg.grid.cut_maps import depth_step, looks_alike
from ultraseg.networks.channels import CELLS
from ultraseg.plan.networks import Network
from ultraseg.plan.volume import Volume

log = logging.getLogger(__name__)

MOST_DOWNSAMPLE = 16


def check_planes(
    volumes: Mapping[str, Volume],
    owner: Mapping[str, Network],
    structures: Mapping[str, Mapping[str, Any]],
    problems: Problems,
) -> None:
    """Add to ``problems`` the planes that cannot be used; owner: the network of each structure.

    Planes look like slices by the rule of the maps from three sides (`cut_maps.looks_alike`).
    """
    for name, volume in volumes.items():
        for structure in volume.planes:
            where = f"volumes.{name}.labels.{structure}.planes"
            if "objects" in structures[structure]:
                problems.add(
                    UserError(
                        f"{where}: the objects of {structure} are given, so no network learns from planes",
                        "Remove planes.",
                    )
                )
                continue
            network = owner[structure]
            if not looks_alike(volume.voxel_size_nm, network.downsample):
                problems.add(_unlike(where, volume, network))
            elif structures[structure]["kind"] != CELLS and name not in network.train_on:
                log.warning(
                    "%s: are not used, because no network learns from labels of %s there", where, structure
                )


def _unlike(where: str, volume: Volume, network: Network) -> UserError:
    depth, *plane = volume.voxel_size_nm
    step = depth * depth_step(volume.voxel_size_nm, network.downsample)
    sizes = " x ".join(f"{size * network.downsample:g}" for size in plane)
    fitting = [n for n in range(1, MOST_DOWNSAMPLE + 1) if looks_alike(volume.voxel_size_nm, n)]
    other = f", or set networks.{network.name}.downsample: {fitting[0]}" if fitting else ""
    return UserError(
        f"{where}: planes across the slices do not look like slices: the pixels of the network {network.name} are "
        f"{sizes} nm (y, x) large, and a step along z is {step:g} nm (at most 1.5 times longer or shorter)",
        f"Remove planes{other}.",
    )

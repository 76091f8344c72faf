"""Maps that other programs made, as ``networks.<name>.maps`` names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ultraseg.base.errors import Problems, UserError
from ultraseg.formats.array_files import neighbourhood
from ultraseg.formats.remote_zarr import is_address, mirrored
from ultraseg.grid.cut_maps import depth_step
from ultraseg.ingest.any_volume import AnyVolume, open_volume_file
from ultraseg.networks.channels import AFFINITIES, BOUNDARY, INTERIOR
from ultraseg.plan.open_volume import check_names, located
from ultraseg.plan.volume import Volume
from ultraseg.predict.affinities import AXES, DIRECT, AffinitySource, used_channels
from ultraseg.predict.map_source import MapSource, fitting_factor

MOST_DOWNSAMPLE = 32  # as in the schema
Maps = dict[str, dict[str, MapSource]]  # by volume and channel; objects by structure and volume


def find_maps(
    network: str, settings: Mapping[str, Mapping[str, Any]], volumes: Mapping[str, Volume], data_root: str
) -> Maps:
    """The maps of a network, whose headers are read. Raises one UserError for all that are missing or do not fit."""
    problems, found = Problems(), Maps()
    for volume, by_channel in settings.items():
        found[volume] = {}
        for channel, source in by_channel.items():
            if is_of_affinities(channel):
                continue
            with problems.caught():
                where = f"networks.{network}.maps.{volume}.{channel}"
                found[volume][channel] = _map(where, source, volumes[volume], data_root)
    problems.raise_all()
    return found


def is_of_affinities(channel: str) -> bool:
    """Whether a key of maps names affinities of cells."""
    return channel.endswith(f"/{AFFINITIES}")


def find_affinities(
    network: str,
    settings: Mapping[str, Mapping[str, Any]],
    volumes: Mapping[str, Volume],
    data_root: str,
    *,
    downsample: int,
    flow: bool,
) -> dict[str, AffinitySource]:
    """The affinities of cells by volume, where they are given; their headers are read.

    flow: whether ids are carried along the optical flow alone, which needs none across the slices. Raises one UserError
    for all that are missing or do not fit.
    """
    problems, found = Problems(), {}
    for volume, by_channel in settings.items():
        for channel, source in by_channel.items():
            if is_of_affinities(channel):
                with problems.caught():
                    where = f"networks.{network}.maps.{volume}.{channel}"
                    opened = _affinities(where, source, volumes[volume], data_root)
                    found[volume] = _usable(opened, network, volumes[volume], downsample, flow)
    problems.raise_all()
    return found


def maps_of_affinities(source: AffinitySource, cells: str) -> dict[str, MapSource]:
    """Interior and boundary of the cells that affinities tell of, by channel."""
    return {f"{cells}/{shown}": replace(source, shown_as=shown) for shown in (INTERIOR, BOUNDARY)}


def find_objects(
    structures: Mapping[str, Mapping[str, Any]],
    volumes: Mapping[str, Volume],
    data_root: str,
    problems: Problems,
) -> Maps:
    """The objects that other programs found, by structure and volume; what is wrong is added to ``problems``."""
    found = Maps()
    for name, settings in structures.items():
        for volume, source in settings.get("objects", {}).items():
            with problems.caught():
                where = f"structures.{name}.objects.{volume}"
                found.setdefault(name, {})[volume] = _map(where, source, volumes[volume], data_root)
    return found


def labels_of_ready_cells(
    cells: str | None, ready: Maps, volumes: Mapping[str, Volume]
) -> Iterator[UserError]:
    """What is wrong with labels of cells that another program found: ids of labels are not those of its cells."""
    for volume in ready.get(cells, {}) if cells else {}:
        if cells in volumes[volume].labels:
            yield UserError(
                f"volumes.{volume}: has labels or corrections of {cells}, which structures.{cells}.objects gives",
                f"Remove them: they would change nothing. To score the cells, give dense labels as truth: {cells}.",
            )


def _opened(where: str, source: Mapping[str, Any], data_root: str, axes: str | None) -> tuple[str, AnyVolume]:
    """The path and the header of a map. axes: of an array of four axes whose metadata do not name them."""
    path = located(source["path"], {"data_root": data_root})
    try:
        path = mirrored(path) if is_address(path) else path
        found = open_volume_file(path, source.get("axes"), axes)
        check_names([path, *found.files([0])])
    except UserError as error:
        raise UserError(f"{where}: {error.problem}", error.cure) from None
    return path, found


def _affinities(
    where: str, source: str | Mapping[str, Any], volume: Volume, data_root: str
) -> AffinitySource:
    """Affinities with all their offsets."""
    source = {"path": source} if isinstance(source, str) else source
    path, found = _opened(where, source, data_root, "czyx")
    factor = fitting_factor(where, path, found.shape, volume.full_shape)
    given = source.get("channel", [*range(found.channels)])
    channels = (given,) if isinstance(given, int) else tuple(given)
    told = neighbourhood(found.array)
    if told and len(told) == found.channels > max(channels):  # those of all channels of the file
        told = [told[channel] for channel in channels]
    said = source.get("offsets") or told
    offsets = tuple((z, y, x) for z, y, x in said or (DIRECT if len(channels) == len(DIRECT) else ()))
    if max(channels) >= found.channels:
        raise UserError(
            f"{where}: {path} has no channel {max(channels)}, only 0 to {found.channels - 1}",
            "Correct channel; channels are counted from 0.",
        )
    if len(offsets) != len(channels):
        known = f"{len(offsets)} offsets" if said else "nothing says which neighbours they are of"
        raise UserError(
            f"{where}: {path}: {len(channels)} channels are used, and {known}",
            "Give one offset (z, y, x) for each channel: offsets: [[-1, 0, 0], [0, -1, 0], [0, 0, -1], ...]. If the "
            "file has other channels as well, list those of affinities with channel.",
        )
    if not all(any(offset) for offset in offsets):
        raise UserError(
            f"{where}: an offset is 0, 0, 0", "Leave its channel out with channel, or correct it."
        )
    limits = (source["range"][0], source["range"][1]) if "range" in source else None
    axes = found.array.axes if found.array else None
    return AffinitySource(where, path, channels, axes, limits, found.shape, factor, offsets)


def _usable(
    source: AffinitySource, network: str, volume: Volume, downsample: int, flow: bool
) -> AffinitySource:
    """The affinities that cuts are made from. Raises UserError where neighbours lack, or where scales do not fit."""
    needed = [axis for axis in range(3) if axis or not flow]
    lacking = [AXES[axis] for axis in needed if 1 not in source.along(axis)]
    if lacking:
        cure = "Correct offsets, or export the affinities of direct neighbours along z, y and x as well."
        if lacking == ["z"]:
            cure += " Affinities within slices alone serve as maps, with propagate.method: flow."
        raise UserError(
            f"{source.name}: {source.path} has no affinities of direct neighbours along {', '.join(lacking)}; its "
            f"offsets are {[[*offset] for offset in source.offsets]}",
            cure,
        )
    if not _fits(source, volume, downsample, flow):
        fitting = [d for d in range(1, MOST_DOWNSAMPLE + 1) if _fits(source, volume, d, flow)]
        cure = (
            f"Set networks.{network}.downsample to {fitting[0]}"
            if fitting
            else "Export them at a finer scale"
        )
        smaller, step = " x ".join(map(str, source.factor)), _steps(volume, downsample)[0]
        raise UserError(
            f"{source.name}: {source.path} is {smaller} times smaller than the stack (z, y, x), and cells are made at "
            f"downsample {downsample}, where a step is {step} slice(s)",
            f"{cure}: a step and a pixel must be whole numbers of voxels of the file.",
        )
    shortest = [step // f for step, f in zip(_steps(volume, downsample), source.factor, strict=True)]
    used = used_channels(source.channels, source.offsets, shortest)
    if flow:
        used = [(channel, offset) for channel, offset in used if not offset[0]]
    channels, offsets = zip(*used, strict=True)
    return replace(source, channels=channels, offsets=offsets)


def _steps(volume: Volume, downsample: int) -> tuple[int, int, int]:
    """Slices, rows and columns of the stack from one voxel with cuts to the next."""
    return depth_step(volume.voxel_size_nm, downsample), downsample, downsample


def _fits(source: AffinitySource, volume: Volume, downsample: int, flow: bool) -> bool:
    """Whether voxels of the file make up those that cells are made from; along z this does not matter to the flow."""
    steps = _steps(volume, downsample)
    return not any(steps[axis] % source.factor[axis] for axis in range(1 if flow else 0, 3))


def _map(where: str, source: str | Mapping[str, Any], volume: Volume, data_root: str) -> MapSource:
    source = {"path": source} if isinstance(source, str) else source
    path, found = _opened(where, source, data_root, None)
    given = source.get("channel")
    channels = (given,) if isinstance(given, int) else tuple(given or (0,))
    if found.channels > 1 and given is None:
        raise UserError(
            f"{where}: {path} has {found.channels} channels, and nothing says which of them is the map",
            "Say it with channel, counted from 0: channel: 1. Write objects to an array of one channel.",
        )
    if max(channels) >= found.channels:
        raise UserError(
            f"{where}: {path} has no channel {max(channels)}, only 0 to {found.channels - 1}",
            "Correct channel; channels are counted from 0.",
        )
    factor = fitting_factor(where, path, found.shape, volume.full_shape)
    limits = source.get("range")
    return MapSource(
        where,
        path,
        channels,
        source.get("axes"),
        (limits[0], limits[1]) if limits else None,
        found.shape,
        factor,
    )

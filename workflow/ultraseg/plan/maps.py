"""Maps that other programs made, as ``networks.<name>.maps`` names them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ultraseg.base.errors import Problems, UserError
from ultraseg.formats.remote_zarr import is_address, mirrored
from ultraseg.ingest.any_volume import open_volume_file
from ultraseg.plan.open_volume import check_names, located
from ultraseg.plan.volume import Volume
from ultraseg.predict.map_source import MapSource, fitting_factor

Maps = dict[str, dict[str, MapSource]]  # by volume and channel; objects by structure and volume


def find_maps(
    network: str, settings: Mapping[str, Mapping[str, Any]], volumes: Mapping[str, Volume], data_root: str
) -> Maps:
    """The maps of a network, whose headers are read. Raises one UserError for all that are missing or do not fit."""
    problems, found = Problems(), Maps()
    for volume, by_channel in settings.items():
        found[volume] = {}
        for channel, source in by_channel.items():
            with problems.caught():
                where = f"networks.{network}.maps.{volume}.{channel}"
                found[volume][channel] = _map(where, source, volumes[volume], data_root)
    problems.raise_all()
    return found


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


def _map(where: str, source: str | Mapping[str, Any], volume: Volume, data_root: str) -> MapSource:
    source = {"path": source} if isinstance(source, str) else source
    path = located(source["path"], {"data_root": data_root})
    try:
        path = mirrored(path) if is_address(path) else path
        found = open_volume_file(path, source.get("axes"))
        check_names([path, *found.files([0])])
    except UserError as error:
        raise UserError(f"{where}: {error.problem}", error.cure) from None
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

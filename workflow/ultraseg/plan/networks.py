"""The networks of a run: what each predicts, where it learns, and how labelled slices are shared out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ultraseg.base.errors import Problems, UserError
from ultraseg.grid.cut_maps import OFFSETS, looks_alike
from ultraseg.grid.gaps import AUTO, FLOW, VOLUME
from ultraseg.networks.channels import AFFINITIES, CELLS, channels_of, cut_of, structure_of
from ultraseg.networks.model_file import misfits, read_card, window_rule
from ultraseg.networks.sizes import tile_stride
from ultraseg.plan.maps import Maps, find_affinities, find_maps, is_of_affinities, maps_of_affinities
from ultraseg.plan.splits import split_slices
from ultraseg.plan.volume import Volume
from ultraseg.predict.affinities import AffinitySource

Settings = Mapping[str, Any]
Volumes = Mapping[str, Volume]


@dataclass(frozen=True)
class Network:
    """One network: its settings, what it predicts, and where it is trained and applied.

    maps: those of another program that take the place of its own; empty where it predicts. affinities: those of cells
    by volume, which cuts, and maps that are not given, are made from.
    """

    name: str
    settings: dict[str, Any]
    structures: tuple[str, ...]
    channels: tuple[str, ...]
    train_on: tuple[str, ...]
    apply_to: tuple[str, ...]
    maps: Maps = field(default_factory=Maps)
    affinities: dict[str, AffinitySource] = field(default_factory=dict)

    @property
    def downsample(self) -> int:
        return int(self.settings["downsample"])

    @property
    def z_context(self) -> int:
        return int(self.settings["z_context"])

    @property
    def stride(self) -> int:
        """Tiles are multiples of it."""
        return tile_stride(self.settings["architecture"], self.settings.get("filters"))

    @property
    def cuts(self) -> tuple[int, ...]:
        """Offsets of the cuts between cells that the network predicts; empty where it predicts none."""
        found = (cut_of(channel) for channel in self.channels)
        return tuple(sorted({cut[1] for cut in found if cut}))

    @property
    def given(self) -> Maps:
        """What another program made, by volume and key of the configuration: maps and affinities."""
        found = {
            volume: {key: source for key, source in maps.items() if not isinstance(source, AffinitySource)}
            for volume, maps in self.maps.items()
        }
        for volume, source in self.affinities.items():
            found[volume][source.key] = source
        return found

    def has_cuts(self, volume: str) -> bool:
        """Whether the cuts between the cells of a volume are predicted, or made from affinities."""
        return bool(self.cuts) or volume in self.affinities

    def channels_of(self, structure: str) -> list[int]:
        """Positions of a structure's channels, without those of cuts."""
        return [
            i for i, name in enumerate(self.channels) if structure_of(name) == structure and not cut_of(name)
        ]


def make_network(
    name: str,
    settings: dict[str, Any],
    structures: Mapping[str, Settings],
    volumes: Volumes,
    method: str = FLOW,
    data_root: str = ".",
) -> Network:
    """One network of the configuration; method: how ids of cells get from slice to slice (``propagate.method``).

    data_root: where the paths of maps from elsewhere start.

    A network of cells learns their cuts where a volume that it is applied to may need them. Raises UserError where
    labels are missing or a ready network does not fit.
    """
    predicted = tuple(settings["structures"])
    if "maps" in settings:
        return _network_of_maps(name, settings, predicted, structures, volumes, method, data_root)
    if "model" in settings:
        return _ready_network(name, settings, predicted, structures, volumes, method)
    wants = [wants_cuts(volumes[v], settings, method) for v in settings.get("apply_to", volumes)]
    channels = _channels(predicted, structures, OFFSETS if any(wants) else ())
    if "init_from" in settings:
        read_card(settings["init_from"])  # refuses what is no network of ours
    labelled = [v for v, volume in volumes.items() if any(s in volume.labels for s in predicted)]
    train_on = tuple(settings.get("train_on", labelled))
    if not train_on:
        raise UserError(
            f"networks.{name}: no volume has labels for {', '.join(predicted)}",
            "Add labels to a volume, or remove the network and its structures.",
        )
    for structure in predicted:
        if not any(structure in volumes[v].labels for v in train_on):
            raise UserError(
                f"networks.{name}: structure '{structure}' has no labels in {', '.join(train_on)}",
                f"Add volumes.<name>.labels.{structure}, or remove the structure.",
            )
    return Network(name, settings, predicted, channels, train_on, tuple(settings.get("apply_to", volumes)))


def window_rule_of(volume: Volume) -> dict[str, Any]:
    """How the grey values of a volume are shown to networks."""
    return window_rule(volume.dtype, volume.window, volume.percentiles)


def split_at_first(net: Network, volume: Volume) -> dict[int, str]:
    """Which labelled slices of a volume train, validate and test a network, without any correction.

    A correction alters the use of no other slice. Raises UserError where listed slices do not fit.
    """
    labelled = sorted({z for s in net.structures for z in volume.labelled_at_first(s)})
    if not labelled or volume.name not in net.train_on:
        return dict.fromkeys(labelled, "test")
    shares = {key: net.settings[key] for key in ("validation", "test")}
    if len(net.train_on) > 1 and any(isinstance(share, list) for share in shares.values()):
        raise UserError(
            f"networks.{net.name}: validation or test lists slices, but it trains on several volumes",
            "Give shares such as 0.15, or train on one volume with train_on.",
        )
    return split_slices(labelled, **shares, first_slice=volume.roi[0][0])


def wants_cuts(volume: Volume, settings: Settings, method: str) -> bool:
    """Whether the cells of a volume may be made in three dimensions, from the cuts of a network of these settings."""
    alike = looks_alike(volume.voxel_size_nm, int(settings["downsample"]))
    return method == VOLUME or (method == AUTO and alike)


def _channels(
    predicted: Sequence[str], structures: Mapping[str, Settings], cuts: Sequence[int]
) -> tuple[str, ...]:
    return tuple(channel for s in predicted for channel in channels_of(s, structures[s]["kind"], cuts))


def _network_of_maps(
    name: str,
    settings: dict[str, Any],
    predicted: tuple[str, ...],
    structures: Mapping[str, Settings],
    volumes: Volumes,
    method: str,
    data_root: str,
) -> Network:
    """Maps of another program: nothing is trained or predicted. Cuts between cells come from affinities alone."""
    problems, given = Problems(), settings["maps"]
    cells = [s for s in predicted if structures[s]["kind"] == CELLS]
    without = [v for v, maps in given.items() if not any(is_of_affinities(channel) for channel in maps)]
    if method == VOLUME and cells and without:
        raise UserError(
            f"networks.{name}.maps: the maps of {', '.join(without)} have no cuts between cells, which "
            f"propagate.method: {VOLUME} needs",
            f"Give {cells[0]}/{AFFINITIES} as well, set propagate.method to {FLOW}, or let a network be trained.",
        )
    channels = _channels(predicted, structures, ())
    found, affinities = Maps(), dict[str, AffinitySource]()
    with problems.caught():
        found = find_maps(name, given, volumes, data_root)
    with problems.caught():
        downsample, flow = int(settings["downsample"]), method == FLOW
        affinities = find_affinities(name, given, volumes, data_root, downsample=downsample, flow=flow)
    problems.raise_all()
    for volume, source in affinities.items():
        found[volume] = maps_of_affinities(source, cells[0]) | found[volume]
    # In the order of the channels, whatever the order in the configuration: jobs write them in this order.
    maps = {
        volume: {channel: by_channel[channel] for channel in channels} for volume, by_channel in found.items()
    }
    return Network(name, settings, predicted, channels, (), tuple(maps), maps, affinities)


def _ready_network(
    name: str,
    settings: dict[str, Any],
    predicted: tuple[str, ...],
    structures: Mapping[str, Settings],
    volumes: Volumes,
    method: str,
) -> Network:
    """A network that was trained before: its architecture is the file's, and it must fit the volumes."""
    card, problems = read_card(settings["model"]), Problems()
    plain, with_cuts = (_channels(predicted, structures, cuts) for cuts in ((), OFFSETS))
    channels = with_cuts if tuple(card["channels"]) == with_cuts else plain
    if tuple(card["channels"]) != channels:
        wanted = dict.fromkeys(structure_of(channel) for channel in card["channels"])
        raise UserError(
            f"networks.{name}.model: {settings['model']} predicts {', '.join(card['channels'])}, "
            f"not {', '.join(channels)}",
            f"Set networks.{name}.structures to [{', '.join(wanted)}], of the kinds that they had in training.",
        )
    cells = any(structures[s]["kind"] == CELLS for s in predicted)
    if cells and method == VOLUME and channels == plain:
        raise UserError(
            f"networks.{name}.model: {settings['model']} predicts no cuts between cells, which propagate.method: "
            f"{VOLUME} needs",
            f"Set propagate.method to {FLOW}, or train a network with propagate.method: {VOLUME}.",
        )
    own = {key: card["settings"][key] for key in ("architecture", "filters")}
    settings = settings | own | {"z_context": card["z_context"]}
    network = Network(name, settings, predicted, channels, (), tuple(settings.get("apply_to", volumes)))
    shown = {v: (volumes[v].voxel_size_nm, window_rule_of(volumes[v])) for v in network.apply_to}
    for error in misfits(settings["model"], card, name, network.downsample, shown):
        problems.add(error)
    problems.raise_all()
    return network

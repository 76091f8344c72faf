"""The plan of a run: volumes, networks, splits and gaps, from the configuration."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ultraseg.base.errors import Problems
from ultraseg.grid.cut_maps import depth_step, looks_alike
from ultraseg.grid.gaps import AUTO, FLOW, VOLUME, Gap, gap_without, gaps_between
from ultraseg.grid.slabs import ceil_div
from ultraseg.networks.sizes import fitting_tile
from ultraseg.plan.label_planes import check_planes
from ultraseg.plan.maps import find_objects, labels_of_ready_cells
from ultraseg.plan.networks import (
    Network,
    make_network,
    split_at_first,
    wants_cuts,
    window_rule_of,
)
from ultraseg.plan.open_volume import open_volume
from ultraseg.plan.roles import NUCLEI, ROLES, with_role
from ultraseg.plan.volume import Volume

TRIES = 4  # labelled slices at most on which methods are compared
# Pixels, at the scale of the network of the cells, on which methods are compared: of all slices together, and of a
# window of one slice. A large window shows as many cells as several small slices, and takes as long.
TRIED_PIXELS, TRIED_WINDOW = 1_000_000, 600_000


def _spread(zs: Sequence[int], most: int) -> list[int]:
    """At most so many of some slices, spread evenly."""
    count = min(most, len(zs))
    return [zs[(2 * i + 1) * len(zs) // (2 * count)] for i in range(count)]


def open_volumes(config: dict[str, Any], problems: Problems) -> dict[str, Volume]:
    """The volumes of a configuration that can be opened; the problems of the others are added to ``problems``."""
    volumes = {}
    for name, settings in config["volumes"].items():
        with problems.caught():
            volumes[name] = open_volume(name, settings, config)
    return volumes


class Plan:
    """What jobs are made from (``ultraseg.jobs``): volumes, structures, networks, splits, gaps."""

    def __init__(self, config: dict[str, Any], volumes: dict[str, Volume] | None = None):
        """Open the volumes, unless they are given. Raises one UserError for the problems of all of them."""
        self.config = config
        problems = Problems()
        self.volumes = open_volumes(config, problems) if volumes is None else volumes
        problems.raise_all()
        self.structures: dict[str, dict[str, Any]] = config["structures"]
        self.cells: str | None = next((n for n, s in self.structures.items() if s["kind"] == "cells"), None)
        # Every slab asks for gaps: a search for each slab would take a time quadratic in the number of slabs.
        self._gaps: dict[str, list[Gap]] = {}
        self._gaps_by_name: dict[str, dict[str, Gap]] = {}
        self._methods: dict[str, str] = {}  # every gap asks for it, and the answer looks through all labels
        self.networks: dict[str, Network] = {}
        # Objects that other programs found: structure -> volume -> file.
        self.ready = find_objects(self.structures, self.volumes, config["data_root"], problems)
        for error in labels_of_ready_cells(self.cells, self.ready, self.volumes):
            problems.add(error)
        for name, network in config["networks"].items():
            with problems.caught():
                method = config["propagate"]["method"]
                self.networks[name] = make_network(
                    name, network, self.structures, self.volumes, method, config["data_root"]
                )
        problems.raise_all()
        self._owner = {s: net for net in reversed(self.networks.values()) for s in net.structures}
        check_planes(self.volumes, self._owner, self.structures, problems)
        problems.raise_all()

    # ---- what there is
    @property
    def gpus(self) -> int:
        """GPUs that a training asks for; a prediction asks for one."""
        return int(self.config["gpus"]) if self.config["device"] == "gpu" else 0

    @property
    def trained(self) -> list[str]:
        """Networks that this run trains."""
        return [n for n, net in self.networks.items() if not net.maps and "model" not in net.settings]

    @property
    def adopted(self) -> list[str]:
        """Networks of earlier runs."""
        return [name for name, net in self.networks.items() if "model" in net.settings]

    @property
    def mapped(self) -> list[str]:
        """Networks in whose place another program made maps."""
        return [name for name, net in self.networks.items() if net.maps]

    @property
    def cut_by_affinities(self) -> list[str]:
        """Volumes whose cuts between cells are made from the affinities of another program."""
        return [name for net in self.networks.values() for name in net.affinities]

    def network_of(self, structure: str) -> Network:
        """The network that predicts a structure."""
        return self._owner[structure]

    def networks_of(self, volume: str) -> list[str]:
        """Networks that are applied to a volume."""
        return [name for name, net in self.networks.items() if volume in net.apply_to]

    def predicting(self, volume: str) -> list[str]:
        """Networks that predict maps of a volume: all that are applied to it, but for maps from elsewhere."""
        return [name for name in self.networks_of(volume) if not self.networks[name].maps]

    def structures_in(self, volume: str) -> list[str]:
        """Structures whose network is applied to a volume, or whose objects are given there."""
        return [s for s in self.structures if volume in (self.ready.get(s) or self.network_of(s).apply_to)]

    def kinds_in(self, volume: str) -> dict[str, str]:
        """The kind of each of these structures."""
        return {s: self.structures[s]["kind"] for s in self.structures_in(volume)}

    @property
    def applied(self) -> list[str]:
        """Volumes that a network is applied to; all other volumes only serve for training."""
        return [name for name in self.volumes if self.structures_in(name)]

    def organelles_in(self, volume: str) -> list[str]:
        return [s for s in self.structures_in(volume) if self.structures[s]["kind"] == "organelle"]

    def masks_in(self, volume: str) -> list[str]:
        return [s for s in self.structures_in(volume) if self.structures[s]["kind"] == "mask"]

    def containers_in(self, volume: str) -> dict[str, str | None]:
        """The structures of a volume that contain others: its cells and its nuclei."""
        return {
            "cell": self.cells if self.has_cells(volume) else None,
            "nucleus": self.roles_in(volume).get(NUCLEI),
        }

    def roles_in(self, volume: str) -> dict[str, str]:
        """The structure of each role that a structure of a volume has: its nuclei and its nucleoli."""
        shown = {s: self.structures[s] for s in self.structures_in(volume)}
        return {role: name for role in ROLES if (name := with_role(shown, role))}

    def has_cells(self, volume: str) -> bool:
        return self.cells is not None and self.cells in self.structures_in(volume)

    @property
    def cells_name(self) -> str:
        """The structure of kind cells. Raises LookupError where there is none."""
        if self.cells is None:
            raise LookupError("no structure is of kind cells")
        return self.cells

    @property
    def cells_network(self) -> Network:
        """The network that predicts the cells. Raises LookupError where there are no cells."""
        return self.network_of(self.cells_name)

    @property
    def cell_downsample(self) -> int:
        """Scale of the cells: of their network, or for ready cells as ``cells.downsample`` says; 1 without cells."""
        if self.cells in self.ready:
            return int(self.config["cells"]["downsample"])
        return self.cells_network.downsample if self.cells else 1

    @property
    def ready_cells(self) -> bool:
        """Whether another program found the cells: no ids are carried, and nothing is joined anew."""
        return self.cells in self.ready

    # ---- labelled slices
    def split(self, network: str, volume: str) -> dict[int, str]:
        """Which labelled slices of a volume train, validate and test a network.

        Slices that proofreading added train the network where the network may learn from them, and are left out
        elsewhere.
        """
        net, v = self.networks[network], self.volumes[volume]
        split = split_at_first(net, v)
        added = {z for s in net.structures for z in v.taught(s)} - {*split}
        trains = "train" in split.values()
        return dict(sorted({**split, **dict.fromkeys(added if trains else (), "train")}.items()))

    def uses(self, structure: str, volume: str) -> dict[int, str]:
        """What each labelled slice of a structure serves for: as ``split``, or 'corrected'."""
        if structure in self.ready:  # no network learns from its labels
            return dict.fromkeys(self.volumes[volume].labelled(structure), "test")
        split = self.split(self.network_of(structure).name, volume)
        return {z: split.get(z, "corrected") for z in self.volumes[volume].labelled(structure)}

    def contexts(self, network: str, volume: str) -> dict[int, list[int]]:
        """Labelled slice, but no test slice -> the good slices that the network sees, with the slice in the middle."""
        context, split = self.networks[network].z_context, self.split(network, volume)
        good = self.volumes[volume].good_slices
        return {z: good.context(z, context) for z, use in split.items() if use != "test"}

    def slices_of_split(self, structure: str, volume: str, split: str) -> list[int]:
        """Labelled slices of a structure that are used in one way."""
        return [z for z, use in self.uses(structure, volume).items() if use == split]

    # ---- prediction
    def window_rule(self, volume: str) -> dict[str, Any]:
        """How the grey values of a volume are shown to networks."""
        return window_rule_of(self.volumes[volume])

    def predict_tile(self, network: str) -> int:
        """Side of the tiles in prediction: no larger than the slices need."""
        net = self.networks[network]
        planes = [self.volumes[v].plane(net.downsample) for v in net.apply_to]
        return fitting_tile(planes, net.settings["predict_tile"], net.settings["overlap"], net.stride)

    def overlap(self, network: str) -> int:
        """Overlap of the tiles in prediction; small slices have small tiles, and tiles overlap by at most a quarter."""
        return int(min(self.networks[network].settings["overlap"], self.predict_tile(network) // 4))

    def model_suffix(self, network: str) -> str:
        """Suffix of the model file that predicts with a network."""
        if self.config["device"] == "gpu":
            return "keras"
        return "int8.tflite" if self.networks[network].settings["int8"] else "tflite"

    # ---- cells
    def method(self, volume: str) -> str:
        """How ids of cells get from slice to slice in a volume: by "flow", in the "volume", or "auto".

        Auto: the better one on labelled slices that are left out in turn (`tries`).
        """
        if volume not in self._methods:
            self._methods[volume] = self._find_method(volume)
        return self._methods[volume]

    def _find_method(self, volume: str) -> str:
        if self.ready_cells:
            return FLOW
        net, wanted = self.cells_network, self.config["propagate"]["method"]
        alike = wants_cuts(self.volumes[volume], net.settings, wanted)
        if not net.has_cuts(volume) or wanted == FLOW:
            return FLOW
        if wanted == AUTO and self.tries(volume) and (alike or volume in net.affinities):
            return AUTO  # affinities need no planes across that look like slices
        return VOLUME if alike else FLOW

    def links_by_flow(self, volume: str) -> bool:
        """Whether linking moves pieces by optical flow before it compares them with those of the next slice."""
        wanted = self.config["link"]["by_flow"]
        if wanted == AUTO:
            return not looks_alike(self.volumes[volume].voxel_size_nm, self.cell_downsample)
        return bool(wanted)

    def has_flow(self, volume: str) -> bool:
        """Whether anything needs the optical flow between the slices of a volume."""
        if not self.has_cells(volume):
            return False
        carries = self.method(volume) != VOLUME and not self.ready_cells
        return carries or self.links_by_flow(volume)

    def has_cuts(self, volume: str) -> bool:
        """Whether the cuts between the cells of a volume are predicted along all three axes."""
        return self.has_cells(volume) and self.method(volume) != FLOW

    def depth_step(self, volume: str) -> int:
        """Slices from one slice with cuts to the next."""
        return depth_step(self.volumes[volume].voxel_size_nm, self.cell_downsample)

    def cut_count(self, volume: str) -> int:
        """Number of slices with cuts: slice i of them is slice i * ``depth_step`` of the volume."""
        return ceil_div(self.volumes[volume].n_slices, self.depth_step(volume))

    def tries(self, volume: str) -> dict[int, Gap]:
        """Labelled slices on which the methods are compared -> the gap around each, as if it were not labelled.

        Slices that no network saw, where there are any; fewer where slices are large, but one at least.
        """
        found = self.holdouts(volume) or self.left_out(volume)
        most = min(TRIES, max(1, TRIED_PIXELS // self.tried_pixels(volume))) if found else 0
        return {z: found[z] for z in _spread([*found], most)}

    def tried_pixels(self, volume: str) -> int:
        """Pixels of the window of each slice in which methods are compared, at the scale of the cells."""
        return min(TRIED_WINDOW, math.prod(self.volumes[volume].plane(self.cell_downsample)))

    # ---- gaps
    def gaps(self, volume: str) -> list[Gap]:
        """Gaps between the labelled slices of the cells."""
        if volume not in self._gaps:
            self._gaps[volume] = gaps_between(self._cell_slices(volume), self.volumes[volume].n_slices)
        return self._gaps[volume]

    def _cell_slices(self, volume: str) -> list[int]:
        """Slices on which the cells of a volume are labelled; none where there are no cells."""
        return self.volumes[volume].labelled(self.cells) if self.cells else []

    def holdouts(self, volume: str) -> dict[int, Gap]:
        """Labelled slice that no network saw -> the gap around it, as if it were not labelled."""
        labelled, n_slices = self._cell_slices(volume), self.volumes[volume].n_slices
        if len(labelled) < 2:
            return {}
        held = self.slices_of_split(self.cells_name, volume, "test")
        return {z: gap_without(labelled, z, n_slices) for z in held}

    def left_out(self, volume: str) -> dict[int, Gap]:
        """Labelled slice that is left out in turn -> the gap around it, as if it were not labelled.

        All held-out slices, and as many of the slices between two labelled slices as ``evaluate: leave_one_out`` says,
        spread evenly.
        """
        labelled, n_slices = self._cell_slices(volume), self.volumes[volume].n_slices
        if not labelled:
            return {}
        uses = self.uses(self.cells_name, volume)
        inner = [z for z in labelled[1:-1] if uses[z] != "corrected"]  # corrected slices began as predictions
        chosen = _spread(inner, self.config["evaluate"]["leave_one_out"])
        found = {z: gap_without(labelled, z, n_slices) for z in chosen} | self.holdouts(volume)
        return dict(sorted(found.items()))

    def gap(self, volume: str, name: str) -> Gap:
        """A gap, or the gap around a slice that is left out, by its name."""
        if volume not in self._gaps_by_name:
            known = [*self.gaps(volume), *self.left_out(volume).values()]
            self._gaps_by_name[volume] = {gap.name: gap for gap in known}
        return self._gaps_by_name[volume][name]

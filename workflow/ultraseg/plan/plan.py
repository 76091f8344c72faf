"""The plan of a run: networks, splits, gaps and array shapes, from the configuration and its volumes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ultraseg.base.errors import Problems, UserError
from ultraseg.grid.gaps import Gap, gap_without, gaps_between
from ultraseg.grid.pyramid_levels import Level, chunk_and_shard
from ultraseg.networks.channels import channels_of, structure_of
from ultraseg.networks.model_file import misfits, read_card, window_rule
from ultraseg.networks.sizes import tile_stride
from ultraseg.plan.open_volume import open_volume
from ultraseg.plan.splits import split_slices
from ultraseg.plan.volume import Volume
from ultraseg.storage.ome_write import image_attributes, label_attributes, labels_attributes


@dataclass(frozen=True)
class Network:
    """One network: its settings, what it predicts, and where it is trained and applied."""

    name: str
    settings: dict
    structures: tuple[str, ...]
    channels: tuple[str, ...]
    train_on: tuple[str, ...]
    apply_to: tuple[str, ...]

    @property
    def downsample(self) -> int:
        return self.settings["downsample"]

    @property
    def z_context(self) -> int:
        return self.settings["z_context"]

    @property
    def stride(self) -> int:
        """Tiles are multiples of it."""
        return tile_stride(self.settings["architecture"], self.settings.get("filters"))

    def channels_of(self, structure: str) -> list[int]:
        """Positions of a structure's channels."""
        return [i for i, name in enumerate(self.channels) if structure_of(name) == structure]


def open_volumes(config: dict, problems: Problems) -> dict[str, Volume]:
    """The volumes of a configuration that can be opened; the problems of the others are added to ``problems``."""
    volumes = {}
    for name, settings in config["volumes"].items():
        with problems.caught():
            volumes[name] = open_volume(name, settings, config)
    return volumes


class Plan:
    """Everything the rules ask: volumes, networks, splits, gaps, array shapes."""

    def __init__(self, config: dict, volumes: dict[str, Volume] | None = None):
        """Open the volumes, unless they are given. Raises one UserError for the problems of all of them."""
        self.config = config
        problems = Problems()
        self.volumes = open_volumes(config, problems) if volumes is None else volumes
        problems.raise_all()
        self.structures = config["structures"]
        self.cells = next((n for n, s in self.structures.items() if s["kind"] == "cells"), None)
        # Asked by every slab: searched anew each time, the plan of many slabs would be quadratic in their number.
        self._gaps: dict[str, list[Gap]] = {}
        self._gaps_by_name: dict[str, dict[str, Gap]] = {}
        self.networks: dict[str, Network] = {}
        for name, network in config["networks"].items():
            with problems.caught():
                self.networks[name] = self._network(name, network)
        problems.raise_all()

    def _network(self, name: str, settings: dict) -> Network:
        structures = tuple(settings["structures"])
        if "model" in settings:
            return self._ready_network(name, settings, structures)
        if "init_from" in settings:
            read_card(settings["init_from"])  # refuses what is no network of ours
        labelled = [v for v, volume in self.volumes.items() if any(s in volume.labels for s in structures)]
        train_on = tuple(settings.get("train_on", labelled))
        if not train_on:
            raise UserError(
                f"networks.{name}: no volume has labels for {', '.join(structures)}",
                "Add labels to a volume, or remove the network and its structures.",
            )
        for structure in structures:
            if not any(structure in self.volumes[v].labels for v in train_on):
                raise UserError(
                    f"networks.{name}: structure '{structure}' has no labels in {', '.join(train_on)}",
                    f"Add volumes.<name>.labels.{structure}, or remove the structure.",
                )
        apply_to = tuple(settings.get("apply_to", self.volumes))
        return Network(name, settings, structures, self._channels(structures), train_on, apply_to)

    def _channels(self, structures: Sequence[str]) -> tuple[str, ...]:
        channels: list[str] = []
        for structure in structures:
            channels += channels_of(structure, self.structures[structure]["kind"])
        return tuple(channels)

    def _ready_network(self, name: str, settings: dict, structures: tuple[str, ...]) -> Network:
        """A network that was trained before: its architecture is the file's, and it must fit the volumes."""
        card, problems = read_card(settings["model"]), Problems()
        channels = self._channels(structures)
        if tuple(card["channels"]) != channels:
            wanted = dict.fromkeys(structure_of(channel) for channel in card["channels"])
            raise UserError(
                f"networks.{name}.model: {settings['model']} predicts {', '.join(card['channels'])}, "
                f"not {', '.join(channels)}",
                f"Set networks.{name}.structures to [{', '.join(wanted)}], of the kinds that they had in training.",
            )
        own = {key: card["settings"][key] for key in ("architecture", "filters")}
        settings = settings | own | {"z_context": card["z_context"]}
        network = Network(
            name, settings, structures, channels, (), tuple(settings.get("apply_to", self.volumes))
        )
        shown = {v: (self.volumes[v].voxel_size_nm, self._window_rule(v)) for v in network.apply_to}
        for error in misfits(settings["model"], card, name, network.downsample, shown):
            problems.add(error)
        problems.raise_all()
        return network

    def _window_rule(self, volume: str) -> dict:
        v = self.volumes[volume]
        return window_rule(v.dtype, v.window, v.percentiles)

    @property
    def trained(self) -> list[str]:
        """Networks that this run trains."""
        return [name for name, net in self.networks.items() if "model" not in net.settings]

    def network_of(self, structure: str) -> Network:
        """The network that predicts a structure."""
        return next(n for n in self.networks.values() if structure in n.structures)

    def structures_in(self, volume: str) -> list[str]:
        """Structures whose network is applied to a volume."""
        return [s for s in self.structures if volume in self.network_of(s).apply_to]

    @property
    def applied(self) -> list[str]:
        """Volumes that a network is applied to; the others only serve for training."""
        return [name for name in self.volumes if self.structures_in(name)]

    def organelles_in(self, volume: str) -> list[str]:
        return [s for s in self.structures_in(volume) if self.structures[s]["kind"] == "organelle"]

    def masks_in(self, volume: str) -> list[str]:
        return [s for s in self.structures_in(volume) if self.structures[s]["kind"] == "mask"]

    def has_cells(self, volume: str) -> bool:
        return self.cells is not None and self.cells in self.structures_in(volume)

    def split(self, network: str, volume: str) -> dict[int, str]:
        """Which labelled slices of a volume train, validate and test a network.

        Slices that proofreading added train it where it may learn from them, and else are not in it.
        """
        net, v = self.networks[network], self.volumes[volume]
        split = self._split_at_first(network, volume)
        added = {z for s in net.structures for z in v.taught(s)} - {*split}
        trains = "train" in split.values()
        return dict(sorted({**split, **dict.fromkeys(added if trains else (), "train")}.items()))

    def uses(self, structure: str, volume: str) -> dict[int, str]:
        """What each labelled slice of a structure serves for: as ``split``, or 'corrected'."""
        split = self.split(self.network_of(structure).name, volume)
        return {z: split.get(z, "corrected") for z in self.volumes[volume].labelled(structure)}

    def _split_at_first(self, network: str, volume: str) -> dict[int, str]:
        """The split without any correction, which alters the use of no other slice."""
        net, v = self.networks[network], self.volumes[volume]
        labelled = sorted({z for s in net.structures for z in v.labelled_at_first(s)})
        if not labelled or volume not in net.train_on:
            return dict.fromkeys(labelled, "test")
        shares = {key: net.settings[key] for key in ("validation", "test")}
        if len(net.train_on) > 1 and any(isinstance(share, list) for share in shares.values()):
            raise UserError(
                f"networks.{network}: validation or test lists slices, but it trains on several volumes",
                "Give shares such as 0.15, or train on one volume with train_on.",
            )
        start = self.volumes[volume].roi[0][0]
        return split_slices(labelled, **shares, first_slice=start)

    def contexts(self, network: str, volume: str) -> dict[int, list[int]]:
        """For each labelled slice but the test slices what the network sees: good slices, itself in the middle."""
        context = self.networks[network].z_context
        split = self.split(network, volume)
        return {
            z: self.volumes[volume].stepping.context(z, context) for z, use in split.items() if use != "test"
        }

    def slices_of_split(self, structure: str, volume: str, split: str) -> list[int]:
        """Labelled slices of a structure that are used in one way."""
        return [z for z, use in self.uses(structure, volume).items() if use == split]

    def predict_tile(self, network: str) -> int:
        """Side of the tiles in prediction: no larger than the largest slice needs."""
        net = self.networks[network]
        longest = max(max(self.volumes[v].plane(net.downsample)) for v in net.apply_to)
        return -(-min(net.settings["predict_tile"], longest) // net.stride) * net.stride

    def model_suffix(self, network: str) -> str:
        """Of the file that a network is predicted with."""
        if self.config["device"] == "gpu":
            return "keras"
        return "int8.tflite" if self.networks[network].settings["int8"] else "tflite"

    def predict_settings(self, network: str) -> dict:
        """Settings of prediction; small slices have small tiles, which cannot overlap by more than a quarter."""
        settings = self.networks[network].settings
        tile = self.predict_tile(network)
        chosen = {key: settings[key] for key in ("downsample", "z_context", "predict_tile", "views")}
        return chosen | {
            "overlap": min(settings["overlap"], tile // 4),
            "stride": self.networks[network].stride,
        }

    def about_network(self, network: str) -> dict:
        """What the card of a network says of its data."""
        net = self.networks[network]
        return {
            "network": network,
            "structures": net.structures,
            "downsample": net.downsample,
            "z_context": net.z_context,
            "voxel_size_nm": {v: self.volumes[v].voxel_size_nm for v in net.train_on},
            "windows": {v: self._window_rule(v) for v in net.train_on},
            "slices": {v: self.split(network, v) for v in net.train_on},
        }

    def object_settings(self, structure: str) -> dict:
        """What the jobs of ``objects`` need to know of an organelle or mask."""
        settings, net = self.structures[structure], self.network_of(structure)
        holes = settings["max_hole_pixels"] if settings["kind"] == "organelle" else 0
        return {
            "network": net.name,
            "channel": net.channels_of(structure)[0] if settings["kind"] != "cells" else -1,
            "downsample": net.downsample,
            "threshold": settings.get("threshold"),
            "max_hole_pixels": holes,
        }

    def containers_in(self, volume: str) -> dict[str, str | None]:
        """The structures of a volume that contain others: its cells and its nuclei."""
        return {
            "cell": self.cells if self.has_cells(volume) else None,
            "nucleus": "nuclei" if "nuclei" in self.organelles_in(volume) else None,
        }

    # ---- cells
    def gaps(self, volume: str) -> list[Gap]:
        """Gaps between the labelled slices of the cells."""
        if volume not in self._gaps:
            v = self.volumes[volume]
            self._gaps[volume] = gaps_between(v.labelled(self.cells), v.n_slices)
        return self._gaps[volume]

    def holdouts(self, volume: str) -> dict[int, Gap]:
        """Per labelled slice that no network saw: the gap around it if it were not labelled."""
        v = self.volumes[volume]
        labelled = v.labelled(self.cells)
        if len(labelled) < 2:
            return {}
        return {
            z: gap_without(labelled, z, v.n_slices) for z in self.slices_of_split(self.cells, volume, "test")
        }

    def left_out(self, volume: str) -> dict[int, Gap]:
        """Per labelled slice that is left out in turn: the gap around it if it were not labelled.

        All held-out slices, and of those between two labelled ones as many as ``evaluate: leave_one_out`` says, spread
        evenly.
        """
        v = self.volumes[volume]
        labelled, uses = v.labelled(self.cells), self.uses(self.cells, volume)
        inner = [z for z in labelled[1:-1] if uses[z] != "corrected"]  # those began as predictions
        most = self.config["evaluate"]["leave_one_out"]
        count = min(most, len(inner))
        chosen = {inner[(2 * i + 1) * len(inner) // (2 * count)] for i in range(count)}
        found = {z: gap_without(labelled, z, v.n_slices) for z in chosen} | self.holdouts(volume)
        return dict(sorted(found.items()))

    def gap(self, volume: str, name: str) -> Gap:
        """A gap, or the one around a slice that is left out, by its name."""
        if volume not in self._gaps_by_name:
            known = [*self.gaps(volume), *self.left_out(volume).values()]
            self._gaps_by_name[volume] = {gap.name: gap for gap in known}
        return self._gaps_by_name[volume][name]

    def slices(self, volume: str) -> dict[str, list]:
        """Columns of the table of slices that are known without looking: number in the file name, file, state."""
        v = self.volumes[volume]
        zs, files = range(v.n_slices), {ref.z: ref.file for ref in v.image.slices}
        return {
            "z": list(zs),
            "number": [v.image.first_number + z for z in zs],
            "file": [files.get(z, "") for z in zs],
            "bad": [z in v.declared_bad for z in zs],
            "missing": [z in v.missing for z in zs],
            "stand_in": v.stepping.stand_ins(0, v.n_slices),
        }

    # ---- arrays: by folder in a volume's results, what their zarr.json says
    def image_arrays(self, volume: str) -> dict[str, dict]:
        """The arrays of the image's pyramid."""
        v = self.volumes[volume]
        return {f"image.zarr/{i}": _spec(level, f"uint{v.bit_depth}") for i, level in enumerate(v.levels)}

    def image_group(self, volume: str) -> dict[str, dict]:
        """The group of the image."""
        v = self.volumes[volume]
        attributes = image_attributes(
            v.name, v.levels, v.voxel_size_nm, v.origin_nm, v.missing, v.declared_bad
        )
        return {"image.zarr": {"attributes": attributes}}

    def label_groups(self, volume: str) -> dict[str, dict]:
        """The group that lists the label images, and the group of each."""
        v = self.volumes[volume]
        found = {"image.zarr/labels": {"attributes": labels_attributes(self.structures_in(volume))}}
        for s in self.structures_in(volume):
            attributes = label_attributes(s, v.levels, v.voxel_size_nm, v.origin_nm, v.bad)
            found[f"image.zarr/labels/{s}"] = {"attributes": attributes}
        return found

    def structure_arrays(self, volume: str, structure: str) -> dict[str, dict]:
        """The arrays of the pyramid of a structure's final labels."""
        v, group = self.volumes[volume], f"image.zarr/labels/{structure}"
        return {f"{group}/{i}": _spec(level, "uint32") for i, level in enumerate(v.levels)}

    def network_arrays(self, volume: str, network: str) -> dict[str, dict]:
        """The probability maps of a network."""
        v, net = self.volumes[volume], self.networks[network]
        plane = (len(net.channels), *v.plane(net.downsample))
        return {f"work/probability/{network}": self._slab_array(v, plane, "uint8")}

    def cell_arrays(self, volume: str) -> dict[str, dict]:
        """Flow and pieces, at the scale of the network of the cells."""
        v = self.volumes[volume]
        plane = v.plane(self.network_of(self.cells).downsample)
        return {
            "work/flow": self._slab_array(v, (4, *plane), "float16"),
            "work/pieces": self._slab_array(v, plane, "uint32"),
        }

    def arrays(self, volume: str) -> dict[str, dict]:
        """All arrays and groups of a volume's results."""
        found = self.image_group(volume) | self.image_arrays(volume) | self.label_groups(volume)
        for structure in self.structures_in(volume):
            found |= self.structure_arrays(volume, structure)
        for name, network in self.networks.items():
            found |= self.network_arrays(volume, name) if volume in network.apply_to else {}
        return found | (self.cell_arrays(volume) if self.has_cells(volume) else {})

    @staticmethod
    def _slab_array(v: Volume, plane: Sequence[int], dtype: str) -> dict:
        chunk, shard = chunk_and_shard(plane, v.slab_depth)
        return {
            "shape": [v.n_slices, *plane],
            "chunk": list(chunk),
            "shard": list(shard),
            "dtype": dtype,
            "axes": ["z", *(["channel"] if len(plane) == 3 else []), "y", "x"],
        }


def _spec(level: Level, dtype: str) -> dict:
    parts = {"shape": level.shape, "chunk": level.chunk, "shard": level.shard}
    return {key: list(value) for key, value in parts.items()} | {"dtype": dtype, "axes": ["z", "y", "x"]}

"""Jobs that make networks: tiles, training, networks from elsewhere, 8-bit integers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.grid.cut_maps import depth_step
from ultraseg.grid.paths import NetworkFiles, VolumeFiles
from ultraseg.grid.slabs import ceil_div
from ultraseg.jobs.spec import Cost, Files, JobSpec, Rate, Wildcards, slabs_with
from ultraseg.networks.sizes import FILTERS, macs_per_pixel, tile_overlap

if TYPE_CHECKING:
    from ultraseg.plan.networks import Network
    from ultraseg.plan.plan import Plan

TILE_KEYS = ("downsample", "z_context", "boundary_width", "tile", "tiles_per_slice", "seed")
TRAIN_KEYS = (
    *("architecture", "filters", "crop", "batch", "epochs", "steps_per_epoch", "learning_rate"),
    *("weight_decay", "optimizer", "loss", "max_minutes", "hold_back", "seed", "augmentation"),
)
PLANES_MB = 270  # images of planes across the slices, `volume_tiles.PLANE_BYTES`
EPOCH_S = 0.5  # validation and checkpoint of an epoch
TRAIN_MACS = 85e9  # multiply-adds per second, forward and backward, with two threads
GPU_SPEEDUP = 20  # of a data-centre GPU over two threads; not measured, so on the safe side
TRAIN_TENSORS = 18  # of float32 and a network's width that are held at a time
THREADS = 2  # that the rates are measured with


@dataclass(frozen=True)
class NetworkJob(JobSpec):
    """A job of one network."""

    network: str

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return [Wildcards(network=name)]

    @property
    def files(self) -> NetworkFiles:
        """The files of the network."""
        return NetworkFiles(self.network)


@dataclass(frozen=True)
class Tiles(NetworkJob):
    """Cuts image and labels of the training and validation slices, together.

    Per volume: split: what each labelled slice serves for, and the slices without labels that are learned from;
    labelled: the slices of each structure that the network may learn from; contexts: what the network sees for each
    slice; planes: what `volume_tiles.plane_tiles` is told, for volumes with labelled planes across the slices. cuts:
    offsets of the cuts that it learns.
    """

    settings: dict[str, Any]
    channels: tuple[str, ...]
    kinds: dict[str, str]
    split: dict[str, dict[int, str]]
    labelled: dict[str, dict[str, list[int]]]
    contexts: dict[str, dict[int, list[int]]]
    planes: dict[str, dict[str, Any]]
    cuts: tuple[int, ...]

    rate: ClassVar[Rate] = Rate(0.5, 0.012, 110, 13)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Tiles:
        net = plan.networks[wc.network]
        settings = {key: net.settings[key] for key in TILE_KEYS} | {"stride": net.stride}
        free = {v: unlabelled(plan, net, v) for v in net.train_on}
        return cls(
            net.name,
            settings,
            net.channels,
            kinds={s: plan.structures[s]["kind"] for s in net.structures},
            split={v: plan.split(net.name, v) | dict.fromkeys(free[v], "unlabelled") for v in net.train_on},
            labelled={v: {s: plan.volumes[v].taught(s) for s in net.structures} for v in net.train_on},
            contexts={v: plan.contexts(net.name, v) | free[v] for v in net.train_on},
            planes={v: told for v in net.train_on if (told := taught_planes(plan, net, v))},
            cuts=net.cuts,
        )

    def inputs(self, plan: Plan) -> Files:
        labels, images = [], []
        for name, by_structure in self.labelled.items():
            files = VolumeFiles.of(name)
            labels += [files.checked_labels(s) for s, zs in by_structure.items() if zs]
            for zs in self.contexts[name].values():
                images += slabs_with(plan.volumes[name], files.image_level(), zs)
            if name in self.planes:
                told = self.planes[name]
                images += slabs_with(plan.volumes[name], files.image_level(), told["shown"])
                labels += [files.checked_planes(s, p) for s, planes in told["planes"].items() for p in planes]
        return {"labels": labels, "images": list(dict.fromkeys(images))}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        worked = held = 0.0
        for name, contexts in self.contexts.items():
            plane = math.prod(plan.volumes[name].plane(1))
            worked += len(contexts) * plane * (2 * self.settings["z_context"] + 1)
            held = max(held, plane)
            if name in self.planes:
                depth, *sides = plan.volumes[name].shape
                worked += len(self.planes[name]["shown"]) * plane
                held = max(held, depth * max(sides))
        return worked, held

    def cost(self, plan: Plan) -> Cost:
        found = super().cost(plan)
        return found._replace(mem_mb=found.mem_mb + (PLANES_MB if self.planes else 0))


@dataclass(frozen=True)
class Train(NetworkJob):
    """Trains one network; about: what the card of the network says of its data."""

    settings: dict[str, Any]
    predict_tile: int
    about: dict[str, Any]
    device: str
    gpus: int
    mixed_precision: str | bool

    rate: ClassVar[Rate] = Rate(12.0, 0.0, 800, 0)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Train:
        net = plan.networks[wc.network]
        settings = {key: net.settings.get(key) for key in TRAIN_KEYS}
        return cls(
            net.name,
            settings,
            predict_tile=plan.predict_tile(net.name),
            about=about_network(plan, net),
            device=plan.config["device"],
            gpus=max(plan.gpus, 1),
            mixed_precision=plan.config["mixed_precision"],
        )

    def inputs(self, plan: Plan) -> Files:
        start = plan.networks[self.network].settings.get("init_from")
        return {"tiles": self.files.tiles, "init_from": [start] if start else []}

    def cost(self, plan: Plan, threads: int = THREADS) -> Cost:
        net = plan.networks[self.network]
        s = net.settings
        rate = TRAIN_MACS * (threads / THREADS) ** 0.8 * (GPU_SPEEDUP if self.device == "gpu" else 1)
        crops = s["batch"] * s["crop"] ** 2
        seconds = s["epochs"] * (EPOCH_S + s["steps_per_epoch"] * crops * 3 * macs_of(net) / rate)
        most = 60 * s.get("max_minutes", math.inf)
        bytes_per_pixel = 2 * net.z_context + 1 + 2 * len(net.channels)
        tiles = _tile_count(plan, net) * s["tile"] ** 2 * bytes_per_pixel
        tensors = 4 * TRAIN_TENSORS * width_of(net) * crops
        return Cost(self.rate.start + min(seconds, most), self.rate.base_mb + (tiles + tensors) / 1e6)


@dataclass(frozen=True)
class Adopt(NetworkJob):
    """Takes a network over that was trained before."""

    architecture: str
    filters: list[int] | None
    predict_tile: int

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Adopt:
        net = plan.networks[wc.network]
        s = net.settings
        return cls(net.name, s["architecture"], s["filters"], plan.predict_tile(net.name))

    def inputs(self, plan: Plan) -> Files:
        return {"model": plan.networks[self.network].settings["model"]}


@dataclass(frozen=True)
class Quantise(NetworkJob):
    """Writes a network in 8-bit integers; fails where the integers are worse on validation slices."""

    tile: int
    overlap: int
    stride: int

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Quantise:
        net = plan.networks[wc.network]
        return cls(net.name, plan.predict_tile(net.name), plan.overlap(net.name), net.stride)

    def inputs(self, plan: Plan) -> Files:
        files = self.files
        return {"keras": files.model(), "tflite": files.model("tflite"), "tiles": files.tiles}

    def cost(self, plan: Plan) -> Cost:
        return Train.of(plan, Wildcards(network=self.network)).cost(plan)


@dataclass(frozen=True)
class AugmentationFigure(NetworkJob):
    """Draws what augmentation does to the training crops of one network."""

    augmentation: dict[str, Any]
    crop: int

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> AugmentationFigure:
        settings = plan.networks[wc.network].settings
        return cls(wc.network, settings["augmentation"], settings["crop"])

    def inputs(self, plan: Plan) -> Files:
        return {"tiles": self.files.tiles}

    def cost(self, plan: Plan) -> Cost:
        return Train.of(plan, Wildcards(network=self.network)).cost(plan)


def about_network(plan: Plan, net: Network) -> dict[str, Any]:
    """What the card of a network says of its data."""
    return {
        "network": net.name,
        "structures": net.structures,
        "downsample": net.downsample,
        "z_context": net.z_context,
        "voxel_size_nm": {v: plan.volumes[v].voxel_size_nm for v in net.train_on},
        "windows": {v: plan.window_rule(v) for v in net.train_on},
        "slices": {v: plan.split(net.name, v) for v in net.train_on},
        "unlabelled_slices": {v: list(unlabelled(plan, net, v)) for v in net.train_on},
    } | ({"planes": places} if (places := _plane_places(plan, net)) else {})


def taught_planes(plan: Plan, net: Network, volume: str) -> dict[str, Any]:
    """What the tiles of a volume are told of its labelled planes across the slices; empty where it has none.

    Nothing is learned on bad slices, nor on labelled slices that validate or test the network.
    """
    v = plan.volumes[volume]
    planes = {s: [*v.planes[s]] for s in net.structures if s in v.planes}
    if not planes:
        return {}
    step = depth_step(v.voxel_size_nm, net.downsample)
    uses = plan.split(net.name, volume)
    labelled = {*uses, *(z for s in net.structures for z in v.labelled(s))}
    held = {z for z in labelled if uses.get(z, "test") != "train"}
    return {
        "planes": planes,
        "shape": v.shape,
        "shown": [v.good_slices.stand_in(z) for z in range(0, v.n_slices, step)],
        "hidden": sorted({*v.bad, *held}),
        "step": step,
    }


def _plane_places(plan: Plan, net: Network) -> dict[str, dict[str, list[int]]]:
    """Rows of xz planes and columns of yz planes that a network learns from, by volume."""
    found: dict[str, dict[str, list[int]]] = {}
    for volume in net.train_on:
        for structure in net.structures:
            for plane, source in plan.volumes[volume].planes.get(structure, {}).items():
                places = found.setdefault(volume, {}).setdefault(plane, [])
                places[:] = sorted({*places, *source.zs})
    return found


def unlabelled(plan: Plan, net: Network, volume: str) -> dict[int, list[int]]:
    """Slices without labels that a network learns from, spread evenly, with the slices that it sees of each.

    None of these is a test slice.
    """
    v, most = plan.volumes[volume], net.settings["unlabelled"]
    uses = plan.split(net.name, volume)
    labelled = {*uses, *(z for s in net.structures for z in v.labelled(s))}
    test = {z for z in labelled if uses.get(z, "test") == "test"}
    seen = {z: v.good_slices.context(z, net.z_context) for z in v.good_slices.good if z not in labelled}
    free = [z for z, context in seen.items() if not test & {*context}] if most else []
    count = min(most, len(free))
    return {z: seen[z] for z in (free[(2 * i + 1) * len(free) // (2 * count)] for i in range(count))}


def macs_of(net: Network) -> float:
    """Multiply-adds of a network per pixel of its input."""
    s = net.settings
    return macs_per_pixel(s["architecture"], 2 * net.z_context + 1, len(net.channels), s.get("filters"))


def width_of(net: Network) -> float:
    """Channels of a network per pixel of its input, over all its levels."""
    filters = net.settings.get("filters") or FILTERS[net.settings["architecture"]]
    return sum(f / 4**i for i, f in enumerate(filters))


def tile_count(size: int, tile: int, overlap: int) -> int:
    """Tiles along one axis."""
    return max(1, ceil_div(size - overlap, tile - overlap))


def _tile_count(plan: Plan, net: Network) -> int:
    count, tile = 0, net.settings["tile"]
    for name in net.train_on:
        fits = math.prod(
            tile_count(n, tile, tile_overlap(tile)) for n in plan.volumes[name].plane(net.downsample)
        )
        uses = [use for use in plan.split(net.name, name).values() if use != "test"]
        across = sum(map(len, _plane_places(plan, net).get(name, {}).values()))
        slices = len(uses) + len(unlabelled(plan, net, name)) + across
        count += slices * min(fits, net.settings["tiles_per_slice"])
    return count

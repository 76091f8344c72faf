"""Jobs that apply networks to slabs, or take maps over that other programs made."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.grid.cut_maps import PIXELS, USED_OFFSETS, brick_window, bricks
from ultraseg.grid.paths import NetworkFiles, metadata
from ultraseg.jobs.spec import Cost, Files, Rate, SlabJob, VolumeJob, Wildcards, slabs_with
from ultraseg.jobs.train import GPU_SPEEDUP, NetworkJob, macs_of, tile_count, width_of
from ultraseg.predict.affinities import AffinitySource
from ultraseg.predict.map_source import MapSource

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan

Maps = dict[str, dict[str, MapSource]]  # by volume and channel
NETWORK_PIXELS = 0.07  # seconds per million pixels at the network's scale beside the network itself
PREDICT_MACS = 105e9  # multiply-adds per second with two threads
BLOCK_MB = 300.0  # of a block of deep chunks of affinities as float32, for each channel
PREDICT_TENSORS = 6  # of float32 and a network's width that are held at a time


@dataclass(frozen=True)
class Predict(SlabJob):
    """Predicts the maps of one slab with one network.

    window: the slices that the prediction reads, and which prediction each slice of the slab shows; channels: of a
    network that predicts cuts.
    """

    network: str
    settings: dict[str, Any]
    window: tuple[list[int], list[int]]
    channels: tuple[str, ...]
    device: str
    mixed_precision: str | bool

    rate: ClassVar[Rate] = Rate(0.5, 0.002, 110, 0)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Predict:
        v, net = plan.volumes[wc.volume], plan.networks[wc.network]
        chosen = {key: net.settings[key] for key in ("downsample", "z_context", "predict_tile", "views")}
        chosen |= {"overlap": plan.overlap(net.name), "stride": net.stride}
        slab, device = v.slab(wc.slab), plan.config["device"]
        return cls(
            v.name,
            slab,
            net.name,
            settings=chosen,
            window=v.good_slices.window(*slab, net.z_context),
            channels=net.channels if net.cuts else (),
            device=device,
            mixed_precision=plan.config["mixed_precision"] if device == "gpu" else False,
        )

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        networks, slabs = plan.predicting(name), plan.volumes[name].slabs
        return [Wildcards(volume=name, network=network, slab=slab) for network in networks for slab in slabs]

    def inputs(self, plan: Plan) -> Files:
        v = plan.volumes[self.volume]
        return {
            "model": NetworkFiles(self.network).model(plan.model_suffix(self.network)),
            "images": slabs_with(v, self.files.image_level(), self.window[0]),
            "array": metadata(self.files.probability(self.network)),
        }

    def cost(self, plan: Plan) -> Cost:
        net, v = plan.networks[self.network], plan.volumes[self.volume]
        whole, plane, k = math.prod(v.plane(1)), math.prod(v.plane(net.downsample)), len(net.channels)
        tile = plan.predict_tile(net.name)
        tiles = math.prod(tile_count(n, tile, self.settings["overlap"]) for n in v.plane(net.downsample))
        macs = self.depth * tiles * tile**2 * macs_of(net)
        rate = PREDICT_MACS * (GPU_SPEEDUP if self.device == "gpu" else 1) / net.settings["views"]
        base = self.rate.cost(self.depth * whole, 0)
        # Few slices with their neighbours, sums in float32 and finished maps, and slices at full size: six as measured.
        held: float = plane * (4 * (2 * net.z_context + 2) + (4 + 2) * k) + 6 * whole
        held += 4 * PREDICT_TENSORS * width_of(net) * tile**2
        own = NETWORK_PIXELS * self.depth * plane / 1e6
        return Cost(base.seconds + own + macs / rate, base.mem_mb + held / 1e6)


@dataclass(frozen=True)
class MapsCard(NetworkJob):
    """Finds the range of numbers of maps from elsewhere, and writes the card in place of that of a network.

    maps: by volume and channel; thresholded: structures whose maps are cut at a threshold.
    """

    maps: Maps
    about: dict[str, Any]
    thresholded: list[str]

    rate: ClassVar[Rate] = Rate(1.0, 0.02, 470, 16)  # a block of deep chunks is 270 MB of float32 at most

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> MapsCard:
        net = plan.networks[wc.network]
        about: dict[str, Any] = {"network": net.name, "structures": net.structures, "channels": net.channels}
        about |= {"downsample": net.downsample}
        thresholded = [s for s in net.structures if plan.structures[s]["kind"] != "cells"]
        return cls(net.name, net.given, about, thresholded)

    def inputs(self, plan: Plan) -> Files:
        sources = [source for by_channel in self.maps.values() for source in by_channel.values()]
        looked_at = [source for source in sources if source.limits is None]
        return {"maps": list(dict.fromkeys(f for source in looked_at for f in source.files(source.sampled)))}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        sources = [source for by_channel in self.maps.values() for source in by_channel.values()]
        planes = [math.prod(source.shape[1:]) for source in sources]
        return sum(p * len(s.sampled) for p, s in zip(planes, sources, strict=True)), max(planes)


@dataclass(frozen=True)
class TakeMaps(SlabJob):
    """Takes the maps of one slab over from another program.

    maps: by channel; shown: for each slice of the slab the slice of the whole stack whose maps it shows; plane, crop:
    size of the slices of the whole stack, and the part of them that is used.
    """

    network: str
    maps: dict[str, MapSource]
    shown: list[int]
    plane: tuple[int, int]
    crop: tuple[tuple[int, int], tuple[int, int]]
    downsample: int

    rate: ClassVar[Rate] = Rate(1.0, 0.03, 740, 24)  # two such blocks

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> TakeMaps:
        v, net = plan.volumes[wc.volume], plan.networks[wc.network]
        slab, first = v.slab(wc.slab), v.roi[0][0]
        shown = [first + v.good_slices.stand_in(z) for z in range(*slab)]
        plane, crop = (v.full_shape[1], v.full_shape[2]), (v.plane_crop[0], v.plane_crop[1])
        return cls(v.name, slab, net.name, net.maps[v.name], shown, plane, crop, net.downsample)

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        networks = [network for network in plan.networks_of(name) if network in plan.mapped]
        slabs = plan.volumes[name].slabs
        return [Wildcards(volume=name, network=network, slab=slab) for network in networks for slab in slabs]

    @property
    def given(self) -> list[str]:
        """Of each channel what the card calls the map that it is made from."""
        return [
            source.key if isinstance(source, AffinitySource) else channel
            for channel, source in self.maps.items()
        ]

    def inputs(self, plan: Plan) -> Files:
        found = [file for source in self.maps.values() for file in source.files(source.rows(self.shown))]
        return {
            "card": NetworkFiles(self.network).card,
            "maps": list(dict.fromkeys(found)),
            "array": metadata(self.files.probability(self.network)),
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane = math.prod(self.plane)
        return self.depth * plane * len(self.maps), plane * len(self.maps)

    def cost(self, plan: Plan) -> Cost:
        base = super().cost(plan)
        made = [source for source in self.maps.values() if isinstance(source, AffinitySource)]
        return base._replace(mem_mb=base.mem_mb + BLOCK_MB * sum(len(source.channels) for source in made))


@dataclass(frozen=True)
class Cuts(VolumeJob):
    """Predicts the cuts between the cells of one brick along all three axes.

    brick: number of its first slice among the slices with cuts, and of the one after its last; read: the slices of the
    volume that the planes across show, each bad one replaced by its stand-in; rows: first and last + 1 of the places in
    ``read`` that are the brick's own.
    """

    network: str
    brick: tuple[int, int]
    read: list[int]
    rows: tuple[int, int]
    channels: tuple[str, ...]
    settings: dict[str, Any]
    device: str
    mixed_precision: str | bool

    rate: ClassVar[Rate] = Rate(6.0, 0.01, 700, 0)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Cuts:
        v, net, device = plan.volumes[wc.volume], plan.cells_network, plan.config["device"]
        count, step = plan.cut_count(v.name), plan.depth_step(v.name)
        start, stop = bricks(count)[wc.brick]
        low, high = brick_window(start, stop, count)
        return cls(
            v.name,
            net.name,
            (start, stop),
            read=[v.good_slices.stand_in(i * step) for i in range(low, high)],
            rows=(start - low, stop - low),
            channels=net.channels,
            settings={key: net.settings[key] for key in ("downsample", "z_context", "views")},
            device=device,
            mixed_precision=plan.config["mixed_precision"] if device == "gpu" else False,
        )

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        count = len(bricks(plan.cut_count(name))) if plan.has_cuts(name) else 0
        count = 0 if name in plan.cut_by_affinities else count
        return [Wildcards(volume=name, brick=brick) for brick in range(count)]

    def inputs(self, plan: Plan) -> Files:
        v, shown = plan.volumes[self.volume], self.read[slice(*self.rows)]
        return {
            "model": NetworkFiles(self.network).model(),
            "images": slabs_with(v, self.files.image_level(), self.read),
            "maps": slabs_with(v, self.files.probability(self.network), shown, channels=True),
            "array": metadata(self.files.cuts),
        }

    def cost(self, plan: Plan) -> Cost:
        net, v = plan.networks[self.network], plan.volumes[self.volume]
        plane, depth = math.prod(v.plane(net.downsample)), self.brick[1] - self.brick[0]
        pixels = 2 * len(self.read) * plane * net.settings["views"]
        rate = PREDICT_MACS * (GPU_SPEEDUP if self.device == "gpu" else 1)
        base = self.rate.cost(len(self.read) * math.prod(v.plane(1)), 0)
        held: float = plane * (len(self.read) + depth * (len(self.channels) + 7 * len(USED_OFFSETS)))
        held += (
            4 * PREDICT_TENSORS * width_of(net) * max(PIXELS, max(v.plane(net.downsample)) * len(self.read))
        )
        return Cost(base.seconds + pixels * macs_of(net) / rate, base.mem_mb + held / 1e6)


@dataclass(frozen=True)
class TakeCuts(VolumeJob):
    """Makes the cuts of one brick along all three axes from the affinities of another program.

    brick: as of `Cuts`; shown: the slices of the whole stack that its slices show, each bad one replaced by its
    stand-in, followed by those that the cuts along z reach; crop: as of `TakeMaps`.
    """

    source: AffinitySource
    brick: tuple[int, int]
    shown: list[int]
    crop: tuple[tuple[int, int], tuple[int, int]]
    downsample: int

    rate: ClassVar[Rate] = Rate(1.0, 0.02, 250, 24)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> TakeCuts:
        v, net = plan.volumes[wc.volume], plan.cells_network
        count, step, first = plan.cut_count(v.name), plan.depth_step(v.name), v.roi[0][0]
        start, stop = bricks(count)[wc.brick]
        reached = range(start, min(count, stop + max(USED_OFFSETS)))
        return cls(
            v.name,
            net.affinities[v.name],
            (start, stop),
            shown=[first + v.good_slices.stand_in(i * step) for i in reached],
            crop=(v.plane_crop[0], v.plane_crop[1]),
            downsample=net.downsample,
        )

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        given = name in plan.cut_by_affinities and plan.has_cuts(name)
        count = len(bricks(plan.cut_count(name))) if given else 0
        return [Wildcards(volume=name, brick=brick) for brick in range(count)]

    def inputs(self, plan: Plan) -> Files:
        rows = self.source.rows(self.shown)
        return {
            "card": NetworkFiles(plan.cells_network.name).card,
            "maps": self.source.files(range(rows[0], rows[-1] + 1)),
            "array": metadata(self.files.cuts),
        }

    def pixels(self, plan: Plan) -> tuple[float, float]:
        plane, channels = math.prod(self.source.shape[1:]), len(self.source.channels)
        return len(self.shown) * plane * channels, plane * channels

    def cost(self, plan: Plan) -> Cost:
        base = super().cost(plan)
        return base._replace(mem_mb=base.mem_mb + BLOCK_MB * len(self.source.channels))

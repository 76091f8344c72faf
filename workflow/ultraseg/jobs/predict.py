"""Jobs that apply networks to slabs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from ultraseg.grid.paths import NetworkFiles, metadata
from ultraseg.jobs.spec import Cost, Files, Rate, SlabJob, Wildcards, slabs_with
from ultraseg.jobs.train import GPU_SPEEDUP, macs_of, tile_count, width_of

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan

NETWORK_PIXELS = 0.07  # seconds per million pixels at the network's scale beside the network itself
PREDICT_MACS = 105e9  # multiply-adds per second with two threads
PREDICT_TENSORS = 6  # of float32 and a network's width that are held at a time


@dataclass(frozen=True)
class Predict(SlabJob):
    """Predicts the maps of one slab with one network.

    window: the slices that the prediction reads, and which prediction each slice of the slab shows.
    """

    network: str
    settings: dict[str, Any]
    window: tuple[list[int], list[int]]
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
            device=device,
            mixed_precision=plan.config["mixed_precision"] if device == "gpu" else False,
        )

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        networks, slabs = plan.networks_of(name), plan.volumes[name].slabs
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

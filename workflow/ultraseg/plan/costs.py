"""What a run costs: time, memory and disk of every job, from the sizes of slabs, slices and networks.

One model for the resources that jobs ask for and for what ``snakemake check`` prints. Light to import: the Snakefile
needs it when parsed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from ultraseg.base.errors import UserError
from ultraseg.ingest.image_source import file_kind
from ultraseg.networks.sizes import FILTERS, macs_per_pixel, tile_overlap
from ultraseg.plan.plan import Plan
from ultraseg.plan.rates import (
    DISK,
    EPOCH_S,
    GPU_SPEEDUP,
    NETWORK_PIXELS,
    PREDICT_MACS,
    RATES,
    TRAIN_MACS,
    Rate,
)
from ultraseg.plan.volume import Volume

SNAKEMAKE_MB = 300  # the two Snakemakes around a job on a cluster
SNAKEMAKE_S = 5  # and their time
MEMORY_MARGIN = 1.4  # of what a job asks for over what is expected; every retry asks for as much again
TIME_MARGIN = 5  # disks and processors of clusters differ more than memory
LEAST_MINUTES = 10
SOURCE_SLICES = 4  # in work while a slab is ingested
FUSION_SLICES = 40  # of a gap take as much memory as the fusion of one slice
TRAIN_TENSORS, PREDICT_TENSORS = 18, 6  # of float32 and a network's width that are held at a time
AT_SCALE = {"flow", "propagate", "cells", "link_edges", "link"}  # of the network of the cells


@dataclass(frozen=True)
class Job:
    """What one job is expected to take."""

    seconds: float
    mem_mb: float


@dataclass(frozen=True)
class Step:
    """All jobs of one rule for one volume or network; ``job`` is the largest of them."""

    rule: str
    jobs: int
    job: Job
    seconds: float


class Costs:
    """Costs of the jobs of one plan."""

    def __init__(self, plan: Plan):
        self.plan = plan

    # ---- what the rules ask for
    def mem_mb(self, rule: str, wildcards: Mapping[str, str], attempt: int = 1) -> int:
        """Memory in MB that a job asks for; more on every attempt, up to ``max_memory_gb``."""
        expected = self.job(rule, wildcards).mem_mb
        asked = attempt * (SNAKEMAKE_MB + MEMORY_MARGIN * expected)
        return min(math.ceil(asked / 100) * 100, 1000 * self.plan.config["max_memory_gb"])

    def minutes(self, rule: str, wildcards: Mapping[str, str], attempt: int = 1) -> int:
        """Minutes that a job asks for; more on every attempt."""
        expected = self.job(rule, wildcards).seconds / 60
        return attempt * max(LEAST_MINUTES, math.ceil(TIME_MARGIN * expected))

    # ---- what is expected
    def job(self, rule: str, wildcards: Mapping[str, str], threads: int = 2) -> Job:
        """Expected time and memory of one job; ``wildcards`` as in its file names."""
        wc = dict(wildcards.items())
        if rule == "train":
            return self._train(wc["network"], threads)
        if rule == "predict":
            return self._predict(wc["volume"], wc["network"], wc.get("slab", 0))
        if rule == "tiles":
            return self._tiles(wc["network"])
        if rule == "verify":
            voxels = sum(math.prod(v.shape) * (2 + len(v.labels)) for v in self.plan.volumes.values())
            plane = max(math.prod(v.plane(1)) for v in self.plan.volumes.values())
            return _job(RATES[rule], voxels, plane)
        worked, held = self._pixels(rule, self.plan.volumes[wc["volume"]], wc)
        return _job(RATES[rule], worked, held)

    def _pixels(self, rule: str, v: Volume, wc: dict) -> tuple[float, float]:
        """Pixels that a job works through, and pixels that it holds at a time."""
        d = self.plan.network_of(self.plan.cells).downsample if rule in AT_SCALE else 1
        plane = math.prod(v.plane(d))
        if rule == "propagate":
            gap = self.plan.gap(v.name, wc["gap"])
            worked = (gap.last - gap.first + 1) * plane
            return worked, worked + FUSION_SLICES * plane
        if rule == "window":
            return len(v.sampled) * math.prod(v.full_shape[1:]), math.prod(v.full_shape[1:])
        if rule == "quality":
            return 0, 0
        if rule in ("link", "measure"):
            return v.n_slices * plane, v.n_slices * plane
        if rule in ("labels", "labels_fit"):
            return len(v.labelled(wc["structure"])) * plane, plane
        if rule == "objects_merge":
            return 2 * len(v.slabs) * plane, plane
        if rule == "evaluate":
            structures = self.plan.structures_in(v.name)
            truth = sum(len(source) for s, source in v.truth.items())
            return (truth + sum(len(v.labelled(s)) for s in structures)) * plane, plane
        if rule == "figures":
            return self.plan.config["report"]["montage_slices"] * plane, plane
        start, stop = v.slab(int(wc.get("slab", 0)))
        if rule == "ingest":
            source = math.prod(v.full_shape[1:])
            # Of a Zarr a row of chunks is decoded at a time, which may be as deep as the slab.
            zarr = file_kind(v.stack.slices[0].file) == "zarr"
            deep = int(re.sub(r"\D", "", v.dtype)) / 8 if zarr else 0
            held = (stop - start) * plane * (v.bit_depth / 8 + deep) + SOURCE_SLICES * source
            return (stop - start) * source, held
        if rule == "quality_slab":
            return (stop - start) * plane, plane
        if rule == "measure_slab":
            count = len(self.plan.structures_in(v.name))
            return (stop - start + 1) * plane * count, plane * count
        reach = 2 + self.plan.config["link"]["max_gap"] if rule == "link_edges" else rule == "flow"
        return (stop - start) * plane, (stop - start + reach) * plane

    def _predict(self, volume: str, network: str, slab: int | str) -> Job:
        net, v = self.plan.networks[network], self.plan.volumes[volume]
        start, stop = v.slab(int(slab))
        plane, k = math.prod(v.plane(net.downsample)), len(net.channels)
        tile, overlap = self.plan.predict_tile(network), self.plan.predict_settings(network)["overlap"]
        tiles = math.prod(tile_count(n, tile, overlap) for n in v.plane(net.downsample))
        area = tile**2
        macs = (stop - start) * tiles * area * self._macs(network)
        rate = PREDICT_MACS * (GPU_SPEEDUP if self.plan.config["device"] == "gpu" else 1)
        rate /= net.settings["views"]
        base = _job(RATES["predict"], (stop - start) * math.prod(v.plane(1)), 0)
        # Few slices with their neighbours, sums in float32 and finished maps, and slices at full size: six as measured.
        held = plane * (4 * (2 * net.z_context + 2) + (4 + 2) * k) + 6 * math.prod(v.plane(1))
        held += 4 * PREDICT_TENSORS * self._width(network) * area
        own = NETWORK_PIXELS * (stop - start) * plane / 1e6
        return Job(base.seconds + own + macs / rate, base.mem_mb + held / 1e6)

    def _tiles(self, network: str) -> Job:
        net = self.plan.networks[network]
        context = 2 * net.z_context + 1
        worked = held = 0.0
        for name in net.train_on:
            v = self.plan.volumes[name]
            uses = [use for use in self.plan.split(network, name).values() if use != "test"]
            worked += len(uses) * math.prod(v.plane(1)) * context
            held = max(held, math.prod(v.plane(1)))
        return _job(RATES["tiles"], worked, held)

    def _train(self, network: str, threads: int) -> Job:
        net = self.plan.networks[network]
        s, macs = net.settings, self._macs(network)
        rate = TRAIN_MACS * (threads / 2) ** 0.8
        rate *= GPU_SPEEDUP if self.plan.config["device"] == "gpu" else 1
        crops = s["batch"] * s["crop"] ** 2
        seconds = s["epochs"] * (EPOCH_S + s["steps_per_epoch"] * crops * 3 * macs / rate)
        most = 60 * s.get("max_minutes", math.inf)
        tiles = self._tile_count(network) * s["tile"] ** 2 * (2 * net.z_context + 1 + 2 * len(net.channels))
        tensors = 4 * TRAIN_TENSORS * self._width(network) * crops
        rate_of = RATES["train"]
        return Job(rate_of.start + min(seconds, most), rate_of.base_mb + (tiles + tensors) / 1e6)

    def _tile_count(self, network: str) -> int:
        net, count = self.plan.networks[network], 0
        for name in net.train_on:
            plane = self.plan.volumes[name].plane(net.downsample)
            fits = math.prod(
                tile_count(n, net.settings["tile"], tile_overlap(net.settings["tile"])) for n in plane
            )
            uses = [use for use in self.plan.split(network, name).values() if use != "test"]
            count += len(uses) * min(fits, net.settings["tiles_per_slice"])
        return count

    def _macs(self, network: str) -> float:
        net = self.plan.networks[network]
        return macs_per_pixel(
            net.settings["architecture"],
            2 * net.z_context + 1,
            len(net.channels),
            net.settings.get("filters"),
        )

    def _width(self, network: str) -> float:
        """Channels of a network per pixel of its input, over all its levels."""
        s = self.plan.networks[network].settings
        return sum(f / 4**i for i, f in enumerate(s.get("filters") or FILTERS[s["architecture"]]))

    # ---- all jobs
    def steps(self, volume: str) -> list[Step]:
        """Steps of one volume in the order of execution."""
        v, plan = self.plan.volumes[volume], self.plan
        slabs = [{"volume": volume, "slab": str(s)} for s in v.slabs]
        labelled = [{"volume": volume, "structure": s} for s in v.labels]
        networks = [n for n, net in plan.networks.items() if volume in net.apply_to]
        shown, cells = plan.structures_in(volume), plan.has_cells(volume)
        organelles = plan.organelles_in(volume)
        other = [s for s in shown if s != plan.cells]
        gaps = [*plan.gaps(volume), *plan.left_out(volume).values()] if cells else []
        jobs = {
            "window": [{"volume": volume}] if v.sampled else [],
            "ingest": slabs,
            "quality_slab": slabs,
            "quality": [{"volume": volume}],
            "labels": labelled,
            "labels_fit": labelled,
            "predict": [wc | {"network": n} for n in networks for wc in slabs],
            "objects_label": [wc | {"structure": s} for s in organelles for wc in slabs],
            "objects_merge": [{"volume": volume, "structure": s} for s in organelles],
            "objects": [wc | {"structure": s} for s in other for wc in slabs],
            "flow": slabs if cells else [],
            "propagate": [{"volume": volume, "gap": gap.name} for gap in gaps],
            "cells": slabs if cells else [],
            "link_edges": slabs if cells else [],
            "link": [{"volume": volume}] if cells else [],
            "link_relabel": slabs if cells else [],
            "measure_slab": slabs if shown else [],
            **{rule: [{"volume": volume}] if shown else [] for rule in ("measure", "evaluate", "figures")},
        }
        return [self._step(rule, found) for rule, found in jobs.items() if found]

    def network_steps(self, network: str) -> list[Step]:
        """Steps that train one network."""
        return [self._step(rule, [{"network": network}]) for rule in ("tiles", "train")]

    def _step(self, rule: str, wildcards: list[dict]) -> Step:
        jobs = [self.job(rule, wc) for wc in wildcards]
        largest = Job(max(job.seconds for job in jobs), max(job.mem_mb for job in jobs))
        return Step(rule, len(jobs), largest, sum(job.seconds for job in jobs))

    def disk_bytes(self, volume: str) -> dict[str, float]:
        """Expected bytes on disk of the results of one volume, by kind."""
        v, plan = self.plan.volumes[volume], self.plan
        pyramid = sum(math.prod(level.shape) for level in v.levels)
        found = {
            "image": DISK["image"] * pyramid,
            "labels": DISK["labels"] * pyramid * len(plan.structures_in(volume)),
            "probability": 0.0,
        }
        for net in plan.networks.values():
            if volume in net.apply_to:
                plane = math.prod(v.plane(net.downsample))
                found["probability"] += DISK["probability"] * v.n_slices * plane * len(net.channels)
        if plan.has_cells(volume):
            plane = math.prod(v.plane(plan.network_of(plan.cells).downsample))
            found |= {key: DISK[key] * v.n_slices * plane for key in ("flow", "pieces", "propagated")}
        return found

    def all_steps(self) -> list[Step]:
        """What trainings and volumes cost, step by step."""
        trainings = [step for network in self.plan.trained for step in self.network_steps(network)]
        return trainings + [step for volume in self.plan.volumes for step in self.steps(volume)]

    def check_memory(self) -> None:
        """Raise UserError where a job would need more memory than ``max_memory_gb``."""
        most = self.plan.config["max_memory_gb"]
        high = [s for s in self.all_steps() if s.job.mem_mb > 1000 * most]
        if high:
            needs = ", ".join(f"{s.rule} {s.job.mem_mb / 1000:.0f} GB" for s in high)
            raise UserError(
                f"jobs would need more memory than max_memory_gb, {most} GB: {needs}",
                "Lower slab_depth; for propagate label more slices or raise downsample; for train lower batch or crop. "
                "Raise max_memory_gb only if your computers have that much.",
            )


def wall_hours(steps: Iterable[Step], at_once: int) -> float:
    """Hours of a run in which ``at_once`` jobs run at a time, step after step, with Snakemake's own time."""
    return sum(
        max(s.job.seconds + SNAKEMAKE_S, (s.seconds + SNAKEMAKE_S * s.jobs) / at_once) / 3600 for s in steps
    )


def tile_count(size: int, tile: int, overlap: int) -> int:
    """Tiles along one axis."""
    return max(1, -(-(size - overlap) // (tile - overlap)))


def _job(rate: Rate, worked: float, held: float) -> Job:
    return Job(rate.start + rate.per_mpx * worked / 1e6, rate.base_mb + rate.held * held / 1e6)

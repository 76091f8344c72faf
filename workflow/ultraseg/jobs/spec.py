"""What every kind of job has: which jobs there are, what each reads, what its script is told, and what it costs.

One class per rule. The plan makes an object of it for each job; the rule hands the object's fields over as one
parameter; the script gets the object back (``run.job``). Light to import: Snakemake needs all of it when it plans.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Self

from ultraseg.grid.paths import VolumeFiles, shard_file

if TYPE_CHECKING:
    from ultraseg.plan.plan import Plan
    from ultraseg.plan.volume import Volume

Files = dict[str, str | list[str]]


class Wildcards(NamedTuple):
    """What tells one job of a rule from the other jobs of the rule; parts that the rule lacks are empty, or -1."""

    volume: str = ""
    structure: str = ""
    network: str = ""
    gap: str = ""
    direction: str = ""
    method: str = ""
    plane: str = ""
    slab: int = -1
    brick: int = -1

    @classmethod
    def of(cls, found: Mapping[str, str]) -> Wildcards:
        """From the wildcards of Snakemake, which are all text."""
        parts: dict[str, Any] = dict(found.items())
        for number in {"slab", "brick"} & {*parts}:
            parts[number] = int(parts[number])
        return cls(**parts)


class Cost(NamedTuple):
    """What one job is expected to take."""

    seconds: float
    mem_mb: float


class Rate(NamedTuple):
    """Seconds to start and per million pixels worked on; MB of Python with its modules, bytes per pixel held.

    Measured on one core (train and predict: two cores) of an idle EPYC at 4 GHz. ``benchmarks/scale.py`` prints what
    the rates foresee beside what it measures.
    """

    start: float
    per_mpx: float
    base_mb: float
    held: float

    def cost(self, worked: float, held: float) -> Cost:
        """Of a job that works through so many pixels and holds so many at a time."""
        return Cost(self.start + self.per_mpx * worked / 1e6, self.base_mb + self.held * held / 1e6)


class JobSpec:
    """What one job reads, is told and costs; a sub-class is a frozen dataclass, with fields that the script is told."""

    rate: ClassVar[Rate] = Rate(0.5, 0.0, 110, 0)

    @classmethod
    def of(cls, plan: Plan, wc: Wildcards) -> Self:
        """The job with these wildcards."""
        raise NotImplementedError

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        """The wildcards of all jobs of one volume, or of one network where the rule works on networks."""
        return [Wildcards(volume=name)]

    def inputs(self, plan: Plan) -> Files:
        """The files that the job reads, by the names that the script knows them by."""
        return {}

    def pixels(self, plan: Plan) -> tuple[float, float]:
        """Pixels that the job works through, and pixels that it holds at a time."""
        return 0, 0

    def cost(self, plan: Plan) -> Cost:
        """Expected time and memory."""
        return self.rate.cost(*self.pixels(plan))

    def told(self) -> dict[str, Any]:
        """All fields by name: the parameter that the script makes the object from."""
        return dict(vars(self))


@dataclass(frozen=True)
class VolumeJob(JobSpec):
    """A job of one volume."""

    volume: str

    @property
    def files(self) -> VolumeFiles:
        """The files of the volume."""
        return VolumeFiles.of(self.volume)


@dataclass(frozen=True)
class SlabJob(VolumeJob):
    """A job of one slab: ``slab`` is its first slice and the one after its last."""

    slab: tuple[int, int]

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return [Wildcards(volume=name, slab=slab) for slab in plan.volumes[name].slabs]

    @property
    def depth(self) -> int:
        """Number of slices."""
        return self.slab[1] - self.slab[0]


class OfShownVolumes(JobSpec):
    """A job that only volumes with structures have: a volume that no network is applied to has none."""

    @classmethod
    def each(cls, plan: Plan, name: str) -> list[Wildcards]:
        return super().each(plan, name) if plan.structures_in(name) else []


def slabs_with(v: Volume, array: str, zs: Iterable[int], channels: bool = False) -> list[str]:
    """The slab files of an array of a volume that hold the slices ``zs``.

    The array's zarr.json is not among the files: every job that writes a slab has waited for zarr.json, and one more
    file in every job would cost Snakemake a tenth of the time of planning.
    """
    ndim = 4 if channels else 3
    return [shard_file(array, s, ndim) for s in sorted({z // v.slab_depth for z in zs})]


def every_slab(v: Volume, array: str, channels: bool = False) -> list[str]:
    """All slab files of an array of a volume."""
    return [shard_file(array, s, 4 if channels else 3) for s in v.slabs]

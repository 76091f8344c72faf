"""What a training is told: the settings that alter its result, and what it computes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass, field
from typing import Any

from ultraseg.networks.sizes import FILTERS
from ultraseg.train.augment import Augmentation

VALIDATION_TILES = 24  # at most: with more of them an epoch would mostly validate


@dataclass(frozen=True)
class TrainSettings:
    """Settings of one training; the keys of a network in the configuration have the same names and defaults.

    filters: None means those of the architecture. crop: side in pixels. batch: crops per step. learning_rate falls
    along a cosine over ``epochs``, or over ``max_minutes`` of training where that is sooner. optimizer, loss: a name of
    ``optimizers.OPTIMIZERS`` and of ``losses.LOSSES``. validation_tiles: validate on so many tiles at most.
    hold_back: share of the training for which validation slices are held back; then it learns from them as well. None:
    as ``held_back.share_of`` says.
    """

    architecture: str = "resunet"
    filters: tuple[int, ...] | None = None
    crop: int = 192
    batch: int = 2  # more steps with the same crops learn more: docs/results/networks.md
    epochs: int = 40
    steps_per_epoch: int = 100
    learning_rate: float = 3e-3
    weight_decay: float = 1e-4
    optimizer: str = "adamw"
    loss: str = "dice_cross_entropy"
    augmentation: Augmentation = field(default_factory=Augmentation)
    validation_tiles: int = VALIDATION_TILES
    hold_back: float | None = None
    max_minutes: float | None = None
    seed: int = 0

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> TrainSettings:
        """Settings from those of a network in the configuration: augmentation is a mapping, filters are a list."""
        filters, augmentation = given.get("filters"), given.get("augmentation", {})
        changed = {
            "filters": tuple(filters) if filters else None,
            "augmentation": Augmentation(**augmentation),
        }
        return cls(**{**given, **changed})

    @property
    def all_filters(self) -> tuple[int, ...]:
        """Filters per level, also where the architecture's are meant."""
        return tuple(self.filters or FILTERS[self.architecture])

    def record(self) -> dict[str, Any]:
        """The settings as plain values, with the filters that were meant; for fingerprints and cards."""
        return asdict(self) | {"filters": list(self.all_filters)}


@dataclass(frozen=True)
class Compute:
    """What a training computes on.

    precision: Keras' dtype policy of a training that begins. devices: number of devices that share each batch. scope
    spreads it over them: networks are built and loaded in it (``networks.devices.data_parallel``). Batch norms share
    their statistics, so that a batch means what it means on one device.
    """

    precision: str = "float32"
    devices: int = 1
    scope: Callable[[], AbstractContextManager[Any]] = nullcontext

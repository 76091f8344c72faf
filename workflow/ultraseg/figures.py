"""All figures of the report: arrays and tables in, PNG files of at most 1600 pixels' width out."""

from ultraseg.figures_charts import (
    accuracy_distance_figure,
    coverage_figure,
    learning_curves,
    link_outcomes_figure,
    metrics_figure,
    volumes_histogram,
)
from ultraseg.figures_images import overlay_montage
from ultraseg.figures_volume import cells_3d

__all__ = [
    "accuracy_distance_figure",
    "cells_3d",
    "coverage_figure",
    "learning_curves",
    "link_outcomes_figure",
    "metrics_figure",
    "overlay_montage",
    "volumes_histogram",
]

"""Draw the figures of one volume."""

import pandas as pd
from ultraseg.base.files import read_table
from ultraseg.evaluate.scores import accuracy_by_distance
from ultraseg.figures import charts
from ultraseg.figures.cells_3d import cells_3d
from ultraseg.figures.volume_arrays import draw_montages, small_cells
from ultraseg.jobs.figures import Figures
from ultraseg.run.job import job

with job(snakemake, Figures) as (spec, log):
    given, out, folder = snakemake.input, snakemake.output, spec.files.folder
    draw_montages(folder, spec.kinds, spec.montage, spec.voxel_size_nm, out.raw, out.overlay)
    labels, voxel_size_nm = small_cells(folder, spec.kinds, spec.level, spec.factor, spec.voxel_size_nm)
    shown = cells_3d(labels, voxel_size_nm, out.rendering)
    metrics = pd.read_csv(given.metrics)
    coverage = pd.concat([pd.DataFrame(), *(pd.read_csv(file) for file in given.coverage)])
    links = pd.concat([pd.DataFrame(), *(read_table(file) for file in given.links)])
    charts.coverage_figure(coverage, spec.shape[0], out.coverage)
    charts.metrics_figure(metrics, out.metrics)
    charts.accuracy_distance_figure(accuracy_by_distance(metrics), out.distance)
    charts.volumes_histogram(read_table(given.cells), out.volumes)
    charts.link_outcomes_figure(links, out.links)
    log.info("3D view of %d objects", len(shown))

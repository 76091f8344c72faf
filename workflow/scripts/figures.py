"""Draw the figures of one volume."""

import pandas as pd
from ultraseg import figures
from ultraseg.evaluate import accuracy_by_distance
from ultraseg.job import job
from ultraseg.montage import draw_montages, small_cells

with job(snakemake) as log:
    p, given, out = snakemake.params, snakemake.input, snakemake.output
    folder = f"results/{snakemake.wildcards.volume}"
    draw_montages(folder, p.structures, p.shape, p.voxel_size_nm, p.slices, out.raw, out.overlay)
    labels, voxel_size_nm = small_cells(folder, p.structures, p.level, p.factor, p.voxel_size_nm)
    shown = figures.cells_3d(labels, voxel_size_nm, out.rendering)
    metrics = pd.read_csv(given.metrics)
    coverage = pd.concat([pd.DataFrame(), *(pd.read_csv(file) for file in given.coverage)])
    figures.coverage_figure(coverage, p.shape[0], out.coverage)
    figures.metrics_figure(metrics, out.metrics)
    figures.accuracy_distance_figure(accuracy_by_distance(metrics), out.distance)
    figures.volumes_histogram(pd.read_parquet(given.cells), out.volumes)
    links = pd.read_parquet(str(given.links)) if given.links else pd.DataFrame()
    figures.link_outcomes_figure(links, out.links)
    log.info("3D view of %d objects", len(shown))

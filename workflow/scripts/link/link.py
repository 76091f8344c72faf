"""Join all pieces of a volume to cells, to new cells, or to none; write the decisions."""

from ultraseg.base.files import write_table
from ultraseg.jobs.link import Link
from ultraseg.link.apply_edits import link_edited, pieces_at
from ultraseg.link.nodes import read_tables
from ultraseg.link.tables import in_image_pixels
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slice
from ultraseg.storage.label_slices import highest_id

with job(snakemake, Link) as (spec, log):
    out, given = snakemake.output, snakemake.input
    nodes, edges = read_tables(given.tables, given.edges)
    voxels = {tuple(voxel): shown for *voxel, shown in spec.voxels}
    pieces = pieces_at(voxels, lambda z: read_slice(spec.files.pieces, z), spec.downsample)
    result, ids = link_edited(
        nodes, edges, spec.edits, pieces, max_user_id=highest_id(given.labels), **spec.settings
    )
    links = in_image_pixels(result.links, spec.downsample)
    write_table(out.nodes, result.nodes)
    write_table(out.protrusions, result.protrusions)
    write_table(out.ids, ids)
    write_table(out.links, links)
    write_table(out.links_csv, links)
    meetings = in_image_pixels(result.meetings, spec.downsample)
    write_table(out.meetings, meetings)
    write_table(out.meetings_csv, meetings)
    for place in meetings.itertuples():
        told = (
            "cells %d and %d meet within one body at slice %d; to make them one cell, write in cell_edits: %s"
        )
        log.warning(told, place.cell, place.other_cell, place.z, place.edit)
    log.info("%d fragments: %s", len(links), links["outcome"].value_counts().to_dict())

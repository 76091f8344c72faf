"""Join all pieces of a volume to cells, to new cells, or to none; write the decisions."""

from ultraseg.base.files import read_table, scratch_folder, write_table, write_table_parts
from ultraseg.jobs.link import Link
from ultraseg.link.apply_edits import pieces_at
from ultraseg.link.nodes import read_edges
from ultraseg.link.tables import in_image_pixels
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slice
from ultraseg.storage.label_slices import highest_id
from ultraseg.sweep.edited import link_volume

with job(snakemake, Link) as (spec, log), scratch_folder(snakemake.output.nodes) as scratch:
    out, given = snakemake.output, snakemake.input
    voxels = {tuple(voxel): shown for *voxel, shown in spec.voxels}
    pieces = pieces_at(voxels, lambda z: read_slice(spec.files.pieces, z), spec.downsample)
    tables, edges = map(read_table, given.tables), map(read_edges, given.edges)
    highest = highest_id(given.labels)
    linked, ids = link_volume(
        scratch, tables, edges, spec.edits, pieces, max_user_id=highest, **spec.settings
    )
    write_table_parts([out.nodes], linked.nodes())
    write_table_parts([out.protrusions], linked.protrusions())
    write_table(out.ids, ids)
    links = (in_image_pixels(part, spec.downsample) for part in linked.links())
    outcomes = write_table_parts([out.links, out.links_csv], links)
    meetings = in_image_pixels(linked.meetings(), spec.downsample)
    write_table(out.meetings, meetings)
    write_table(out.meetings_csv, meetings)
    for place in meetings.itertuples():
        told = (
            "cells %d and %d meet within one body at slice %d; to make them one cell, write in cell_edits: %s"
        )
        log.warning(told, place.cell, place.other_cell, place.z, place.edit)
    log.info("%d fragments: %s", sum(outcomes.values()), outcomes)

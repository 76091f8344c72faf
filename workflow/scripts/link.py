"""Join all pieces of a volume to cells, to new cells, or to none; write the decisions."""

from ultraseg.base.files import write_table
from ultraseg.link.apply_edits import link_edited, pieces_at
from ultraseg.link.edit_file import CellEdit
from ultraseg.link.nodes import read_tables
from ultraseg.run.job import job
from ultraseg.storage.arrays import read_slices
from ultraseg.storage.label_slices import LabelSlices

with job(snakemake) as log:
    out = snakemake.output
    nodes, edges = read_tables(snakemake.input.tables, snakemake.input.edges)
    highest = 0
    for file in snakemake.input.labels:
        with LabelSlices(file) as given:
            highest = max(int(given.read(z).max()) for z in given.zs)
    p = snakemake.params
    array = f"results/{snakemake.wildcards.volume}/work/pieces"
    voxels = {tuple(voxel): shown for *voxel, shown in p.voxels}
    pieces = pieces_at(voxels, lambda z: read_slices(array, z, z + 1)[0], p.downsample)
    edits = [CellEdit(*edit) for edit in p.edits]
    result, ids = link_edited(nodes, edges, edits, pieces, max_user_id=highest, **p.settings)
    # The tables for people have places in voxels of the image.
    result.links[["y", "x"]] = ((result.links[["y", "x"]] + 0.5) * p.downsample).astype(int)
    write_table(out.nodes, result.nodes)
    write_table(out.protrusions, result.protrusions)
    write_table(out.ids, ids)
    write_table(out.links, result.links)
    write_table(out.links_csv, result.links)
    for place in result.meetings.itertuples():
        log.warning("cells %d and %d meet within one body at slice %d; to make them one cell, write in cell_edits: %s",
                    place.cell, place.other_cell, place.z, place.edit)  # fmt: skip
    log.info("%d fragments: %s", len(result.links), result.links["outcome"].value_counts().to_dict())

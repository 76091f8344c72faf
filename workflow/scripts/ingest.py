"""Read the TIFF slices of one slab and write them at all pyramid levels."""

import json
from pathlib import Path

from ultraseg.bridge import fill_missing
from ultraseg.job import job
from ultraseg.pyramid import levels_of, reduce_image, write_pyramid
from ultraseg.tiff import SliceRef, read_stack

with job(snakemake) as log:
    p = snakemake.params
    window = p.window
    if snakemake.input.window:
        window = json.loads(Path(str(snakemake.input.window)).read_text())["window"]
    refs = [SliceRef(*ref) for ref in p.slices]
    stack = read_stack(refs, tuple(p.shape[1:]), p.dtype, window, snakemake.threads)
    start, stop = p.slab
    stack = fill_missing(stack, [ref.z for ref in refs], start, stop, p.bridges)
    log.info("slices %d to %d, mean grey value %.1f", start, stop - 1, stack.mean())
    if p.bridges:
        log.info("missing slices bridged: %s", dict(p.bridges))
    group = f"results/{snakemake.wildcards.volume}/image.zarr"
    write_pyramid(group, start, stack, levels_of(p.levels), reduce_image)

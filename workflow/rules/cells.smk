# cells: propagated ids and maps of one slab -> the 2D pieces of cells in each slice, and a table of them.
rule cells:
    input:
        gaps=ASKS.slab_gaps,
        probability=ASKS.cells_probability,
        array="results/{volume}/work/pieces/zarr.json",
    output:
        pieces="results/{volume}/work/pieces/c/{slab}/0/0",
        table="results/{volume}/work/pieces/tables/{slab}.parquet",
    log:
        "logs/cells/{volume}/{slab}.log",
    benchmark:
        "logs/cells/{volume}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("cells", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("cells", wc, attempt),
    params:
        settings=CONFIG["cells"],
        foreground_threshold=CONFIG["propagate"]["foreground_threshold"],
        plan=together(
            gaps=lambda wc: [vars(gap) for gap in ASKS.gaps_of_slab(wc)],
            network=lambda wc: PLAN.network_of(PLAN.cells).name,
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            good=lambda wc: PLAN.volumes[wc.volume].good_slices.good_in(
                *PLAN.volumes[wc.volume].slab(int(wc.slab))
            ),
            channels=lambda wc: PLAN.network_of(PLAN.cells).channels_of(PLAN.cells),
        ),
        code=code_version("cells.pieces", "storage.slice_stacks"),
    script:
        "../scripts/cells.py"

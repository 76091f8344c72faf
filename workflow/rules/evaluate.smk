# evaluate: final labels against held-out labels and, where given, dense truth -> metrics.csv.
rule evaluate:
    input:
        final=ASKS.all_final,
        labels=ASKS.given_labels,
        truth=ASKS.truth,
        left_out=ASKS.left_out,
        slices="results/{volume}/tables/slices.parquet",
        advice=lambda wc: (
            f"results/{wc.volume}/tables/label_next.parquet" if PLAN.has_cells(wc.volume) else []
        ),
    output:
        metrics="results/{volume}/metrics.csv",
        summary="results/{volume}/summary.txt",
    log:
        "logs/evaluate/{volume}.log",
    benchmark:
        "logs/evaluate/{volume}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("evaluate", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("evaluate", wc, attempt),
    params:
        settings=CONFIG["evaluate"],
        structures=lambda wc: {s: PLAN.structures[s]["kind"] for s in PLAN.structures_in(wc.volume)},
        labelled=lambda wc: {s: PLAN.volumes[wc.volume].labelled(s) for s in PLAN.structures_in(wc.volume)},
        splits=lambda wc: {s: PLAN.uses(s, wc.volume) for s in PLAN.structures_in(wc.volume)},
        files=lambda wc: {s: PLAN.volumes[wc.volume].label_file(s) for s in PLAN.structures_in(wc.volume)},
        left_out=lambda wc: (
            {z: vars(gap) for z, gap in PLAN.left_out(wc.volume).items()}
            if PLAN.has_cells(wc.volume)
            else {}
        ),
        truth=lambda wc: {s: source.as_params() for s, source in PLAN.volumes[wc.volume].truth.items()},
        cells=PLAN.cells,
        downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample if PLAN.cells else 1,
        shape=lambda wc: PLAN.volumes[wc.volume].shape,
        pixel_nm=lambda wc: PLAN.volumes[wc.volume].voxel_size_nm[1:],
        plane=lambda wc: PLAN.volumes[wc.volume].full_shape[1:],
        crop=lambda wc: PLAN.volumes[wc.volume].plane_crop,
        bad=lambda wc: PLAN.volumes[wc.volume].bad,
        first=lambda wc: PLAN.volumes[wc.volume].roi[0][0],
        code=code_version("evaluate.score_volume", "evaluate.summary", "quality.flags", "evaluate.label_next"),
    script:
        "../scripts/evaluate.py"

# propagate: cell ids carried through one gap between two labelled slices, from both sides.
# The same rule carries ids past a held-out slice as if it were not labelled, which evaluate scores.
rule propagate:
    input:
        images=ASKS.gap_images,
        flow=ASKS.gap_flow,
        probability=ASKS.gap_probability,
        labels=lambda wc: f"results/{wc.volume}/work/labels/{PLAN.cells}.h5",
    output:
        "results/{volume}/work/propagated/{gap}.h5",
    log:
        "logs/propagate/{volume}/{gap}.log",
    benchmark:
        "logs/propagate/{volume}/{gap}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: attempt * ASKS.gap_mb(wc, 60),
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        settings=CONFIG["propagate"],
        gap=lambda wc: vars(PLAN.gap(wc.volume, wc.gap)),
        walk=ASKS.gap_walk,
        stand_ins=lambda wc: PLAN.volumes[wc.volume].stepping.stand_ins(*ASKS.gap_range(wc)),
        network=lambda wc: PLAN.network_of(PLAN.cells).name,
        channels=lambda wc: PLAN.network_of(PLAN.cells).channels_of(PLAN.cells),
        downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample,
        code=code_version("propagate", "slices"),
    script:
        "../scripts/propagate.py"

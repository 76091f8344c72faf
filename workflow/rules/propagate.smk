# propagate: cell ids carried through one gap between two labelled slices, from both sides.
# The same rule carries ids past a held-out slice as if it were not labelled, which evaluate scores.
rule propagate:
    input:
        images=ASKS.gap_images,
        flow=ASKS.gap_flow,
        probability=ASKS.gap_probability,
        labels=lambda wc: PLAN.volumes[wc.volume].label_file(PLAN.cells),
        up=ASKS.carried_up,
        down=ASKS.carried_down,
    output:
        "results/{volume}/work/propagated/{gap}.h5",
    log:
        "logs/propagate/{volume}/{gap}.log",
    benchmark:
        "logs/propagate/{volume}/{gap}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("propagate", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("propagate", wc, attempt),
    params:
        settings=CONFIG["propagate"],
        gap=lambda wc: vars(PLAN.gap(wc.volume, wc.gap)),
        walk=ASKS.gap_walk,
        stand_ins=lambda wc: PLAN.volumes[wc.volume].good_slices.stand_ins(*ASKS.gap_range(wc)),
        direction="",
        partial=lambda wc: PLAN.volumes[wc.volume].labels[PLAN.cells].partial,
        network=lambda wc: PLAN.network_of(PLAN.cells).name,
        channels=lambda wc: PLAN.network_of(PLAN.cells).channels_of(PLAN.cells),
        downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample,
        code=code_version("cells.propagate", "storage.slice_stacks"),
    script:
        "../scripts/propagate.py"


use rule propagate as propagate_ends with:
    # Where labelled slices are labelled only in part: ids that pass through a gap to the labelled slice at its far end,
    # for the next gap.
    output:
        "results/{volume}/work/carried/{gap}.{direction}.h5",
    log:
        "logs/propagate_ends/{volume}/{gap}.{direction}.log",
    benchmark:
        "logs/propagate_ends/{volume}/{gap}.{direction}.tsv"
    wildcard_constraints:
        direction="up|down",
    params:
        settings=CONFIG["propagate"],
        gap=lambda wc: vars(PLAN.gap(wc.volume, wc.gap)),
        walk=ASKS.gap_walk,
        stand_ins=lambda wc: PLAN.volumes[wc.volume].good_slices.stand_ins(*ASKS.gap_range(wc)),
        direction=lambda wc: wc.direction,
        partial=False,
        network=lambda wc: PLAN.network_of(PLAN.cells).name,
        channels=lambda wc: PLAN.network_of(PLAN.cells).channels_of(PLAN.cells),
        downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample,
        code=code_version("cells.propagate", "storage.slice_stacks"),

# flow: image slab and the next good slice -> optical flow in both directions between neighbouring good slices.
rule flow:
    input:
        images=ASKS.flow,
        array="results/{volume}/work/flow/zarr.json",
    output:
        "results/{volume}/work/flow/c/{slab}/0/0/0",
    log:
        "logs/flow/{volume}/{slab}.log",
    benchmark:
        "logs/flow/{volume}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("flow", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("flow", wc, attempt),
    params:
        settings=CONFIG["flow"],
        plan=together(
            downsample=lambda wc: PLAN.network_of(PLAN.cells).downsample,
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            plane=lambda wc: PLAN.volumes[wc.volume].plane(PLAN.network_of(PLAN.cells).downsample),
            walk=ASKS.flow_walk,
        ),
        code=code_version("cells.flow", "storage.slice_stacks"),
    script:
        "../scripts/flow.py"

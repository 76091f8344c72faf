# predict: image slab (with neighbours) and network -> probability maps of the slab at the network's scale.
rule predict:
    input:
        model=lambda wc: f"results/models/{wc.network}.{PLAN.model_suffix(wc.network)}",
        images=ASKS.predict,
        array="results/{volume}/work/probability/{network}/zarr.json",
    output:
        slab="results/{volume}/work/probability/{network}/c/{slab}/0/0/0",
        # What it was computed on; nothing reads it.
        device="results/{volume}/work/devices/{network}/{slab}.json",
    log:
        "logs/predict/{volume}/{network}/{slab}.log",
    benchmark:
        "logs/predict/{volume}/{network}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 2
    resources:
        gpu=min(GPUS, 1),
        mem_mb=lambda wc, attempt: COSTS.mem_mb("predict", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("predict", wc, attempt),
    params:
        device=DEVICE,
        mixed_precision=CONFIG["mixed_precision"] if DEVICE == "gpu" else False,
        plan=together(
            network=lambda wc: PLAN.predict_settings(wc.network),
            slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
            window=ASKS.predict_window,
        ),
        code=code_version("predict.slab", "networks.precision"),
    script:
        "../scripts/predict.py"

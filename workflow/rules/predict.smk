# predict: image slab (with neighbours) and network -> probability maps of the slab at the network's scale.
rule predict:
    input:
        model=f"results/models/{{network}}.{'keras' if DEVICE == 'gpu' else 'tflite'}",
        images=ASKS.predict,
        array="results/{volume}/work/probability/{network}/zarr.json",
    output:
        "results/{volume}/work/probability/{network}/c/{slab}/0/0/0",
    log:
        "logs/predict/{volume}/{network}/{slab}.log",
    benchmark:
        "logs/predict/{volume}/{network}/{slab}.tsv"
    conda:
        "../../envs/workflow.yaml"
    threads: 2
    resources:
        gpu=GPUS,
        mem_mb=lambda wc, attempt: attempt
        * (1500 + ASKS.slab_mb(wc.volume, 16, PLAN.networks[wc.network].downsample)),
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        network=lambda wc: PLAN.predict_settings(wc.network),
        slab=lambda wc: PLAN.volumes[wc.volume].slab(int(wc.slab)),
        shape=lambda wc: PLAN.volumes[wc.volume].shape,
        device=DEVICE,
        code=code_version("predict", "slices"),
    script:
        "../scripts/predict.py"

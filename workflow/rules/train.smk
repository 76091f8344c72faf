# train: tiles -> network, its history and its card. The rule that uses GPUs. A training
# that was killed goes on from its last epoch.
rule train:
    input:
        unpack(RULES.inputs("train")),
    output:
        keras=N.model(),
        tflite=N.model("tflite"),
        history=N.history,
        card=N.card,
    log:
        log_file("train", "{network}"),
    benchmark:
        benchmark_file("train", "{network}")
    wildcard_constraints:
        network=TRAINED,
    conda:
        ENVIRONMENT
    threads: 8
    resources:
        gpu=PLAN.gpus,
        # All GPUs of a training are on one node.
        nodes=1,
        mem_mb=RULES.mem_mb("train"),
        runtime=RULES.minutes("train"),
    params:
        job=RULES.told("train"),
        code=script_version("train/train"),
    script:
        "../scripts/train/train.py"


if READY:

    # adopt: a network that was trained before -> the same files as after training.
    rule adopt:
        input:
            unpack(RULES.inputs("adopt")),
        output:
            keras=N.model(),
            tflite=N.model("tflite"),
            card=N.card,
        log:
            log_file("adopt", "{network}"),
        benchmark:
            benchmark_file("adopt", "{network}")
        wildcard_constraints:
            network="|".join(READY),
        conda:
            ENVIRONMENT
        resources:
            mem_mb=2000,
            runtime=10,
        params:
            job=RULES.told("adopt"),
            code=script_version("train/adopt"),
        script:
            "../scripts/train/adopt.py"


# quantise: network and tiles -> the network in 8-bit integers; fails where validation slices show that it is worse.
rule quantise:
    input:
        unpack(RULES.inputs("quantise")),
    output:
        tflite=N.model("int8.tflite"),
        proof=N.proof,
    log:
        log_file("quantise", "{network}"),
    benchmark:
        benchmark_file("quantise", "{network}")
    wildcard_constraints:
        network=TRAINED,
    conda:
        ENVIRONMENT
    threads: 2
    resources:
        mem_mb=RULES.mem_mb("quantise"),
        runtime=lambda wildcards, attempt: 15 * attempt,
    params:
        job=RULES.told("quantise"),
        code=script_version("train/quantise"),
    script:
        "../scripts/train/quantise.py"


# augmentation: tiles -> figure of what augmentation does to them.
rule augmentation:
    input:
        unpack(RULES.inputs("augmentation")),
    output:
        report(
            N.figure("augmentation"),
            caption="../report/augmentation.rst",
            category="Networks",
            labels={"figure": "augmentation of {network}"},
        ),
    log:
        log_file("augmentation", "{network}"),
    benchmark:
        benchmark_file("augmentation", "{network}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("augmentation"),
        runtime=10,
    params:
        job=RULES.told("augmentation"),
        code=script_version("train/augmentation"),
    script:
        "../scripts/train/augmentation.py"

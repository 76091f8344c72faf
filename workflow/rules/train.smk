# train: tiles -> network, its history and its card. The GPU rule; resumes from its last epoch after a kill.
rule train:
    input:
        tiles="results/models/{network}.tiles.h5",
        init_from=lambda wc: PLAN.networks[wc.network].settings.get("init_from", []),
    output:
        keras="results/models/{network}.keras",
        tflite="results/models/{network}.tflite",
        history="results/models/{network}.history.csv",
        card="results/models/{network}.json",
    log:
        "logs/train/{network}.log",
    benchmark:
        "logs/train/{network}.tsv"
    wildcard_constraints:
        network=TRAINED,
    conda:
        "../../envs/workflow.yaml"
    threads: 8
    resources:
        gpu=GPUS,
        # All its GPUs on one node.
        nodes=1,
        mem_mb=lambda wc, attempt: COSTS.mem_mb("train", wc, attempt),
        runtime=lambda wc, attempt: COSTS.minutes("train", wc, attempt),
    params:
        settings=lambda wc: {
            key: PLAN.networks[wc.network].settings.get(key)
            for key in (
                "architecture filters crop batch epochs steps_per_epoch learning_rate weight_decay optimizer loss "
                "max_minutes seed augmentation"
            ).split()
        },
        predict_tile=lambda wc: PLAN.predict_tile(wc.network),
        about=lambda wc: PLAN.about_network(wc.network),
        checkpoint="results/models/checkpoints/{network}",
        device=DEVICE,
        gpus=max(GPUS, 1),
        mixed_precision=CONFIG["mixed_precision"],
        code=code_version("train.train_network", "networks.export", "networks.card", "networks.precision"),
    script:
        "../scripts/train.py"


if READY:

    # adopt: a network that was trained before -> the same files as after training.
    rule adopt:
        input:
            lambda wc: PLAN.networks[wc.network].settings["model"],
        output:
            keras="results/models/{network}.keras",
            tflite="results/models/{network}.tflite",
            card="results/models/{network}.json",
        log:
            "logs/adopt/{network}.log",
        benchmark:
            "logs/adopt/{network}.tsv"
        wildcard_constraints:
            network="|".join(READY),
        conda:
            "../../envs/workflow.yaml"
        resources:
            mem_mb=2000,
            runtime=10,
        params:
            architecture=lambda wc: PLAN.networks[wc.network].settings["architecture"],
            filters=lambda wc: PLAN.networks[wc.network].settings["filters"],
            predict_tile=lambda wc: PLAN.predict_tile(wc.network),
            code=code_version("networks.export", "networks.card"),
        script:
            "../scripts/adopt.py"


# quantise: network and tiles -> the network in 8-bit integers; fails where validation slices show that it is worse.
rule quantise:
    input:
        keras="results/models/{network}.keras",
        tflite="results/models/{network}.tflite",
        tiles="results/models/{network}.tiles.h5",
    output:
        tflite="results/models/{network}.int8.tflite",
        proof="results/models/{network}.int8.json",
    log:
        "logs/quantise/{network}.log",
    benchmark:
        "logs/quantise/{network}.tsv"
    wildcard_constraints:
        network=TRAINED,
    conda:
        "../../envs/workflow.yaml"
    threads: 2
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("train", wc, attempt),
        runtime=lambda wc, attempt: 15 * attempt,
    params:
        tile=lambda wc: PLAN.predict_tile(wc.network),
        overlap=lambda wc: PLAN.predict_settings(wc.network)["overlap"],
        stride=lambda wc: PLAN.networks[wc.network].stride,
        code=code_version("predict.quantise", "networks.export"),
    script:
        "../scripts/quantise.py"


# augmentation: tiles -> figure of what augmentation does to them.
rule augmentation:
    input:
        "results/models/{network}.tiles.h5",
    output:
        report(
            "results/models/{network}.augmentation.png",
            caption="../report/augmentation.rst",
            category="Networks",
            labels={"figure": "augmentation of {network}"},
        ),
    log:
        "logs/augmentation/{network}.log",
    benchmark:
        "logs/augmentation/{network}.tsv"
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: COSTS.mem_mb("train", wc, attempt),
        runtime=10,
    params:
        augmentation=lambda wc: PLAN.networks[wc.network].settings["augmentation"],
        crop=lambda wc: PLAN.networks[wc.network].settings["crop"],
        code=code_version("figures.augmentation"),
    script:
        "../scripts/augmentation.py"

# train: tiles -> network, its history and its card. The GPU rule; resumes from its last epoch after a kill.
rule train:
    input:
        "results/models/{network}.tiles.h5",
    output:
        keras="results/models/{network}.keras",
        tflite="results/models/{network}.tflite",
        history="results/models/{network}.history.csv",
        card="results/models/{network}.json",
    log:
        "logs/train/{network}.log",
    benchmark:
        "logs/train/{network}.tsv"
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
        code=code_version("train", "precision"),
    script:
        "../scripts/train.py"


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
        code=code_version("figures_augment"),
    script:
        "../scripts/augmentation.py"

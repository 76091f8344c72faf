# phantom: for volumes with `phantom:` instead of `image:`, writes slices, labels and truth as a user would bring them.
for volume in PLAN.volumes.values():
    if volume.phantom:

        rule:
            name:
                f"phantom_{volume.name}"
            output:
                volume.phantom["files"],
            log:
                f"logs/phantom/{volume.name}.log",
            benchmark:
                f"logs/phantom/{volume.name}.tsv"
            conda:
                "../../envs/workflow.yaml"
            resources:
                mem_mb=3000,
                runtime=60,
            params:
                settings={k: v for k, v in volume.phantom.items() if k != "files"},
                voxel_size_nm=volume.voxel_size_nm,
                code=code_version("phantom.volume"),
            script:
                "../scripts/phantom.py"

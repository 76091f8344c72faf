# phantom: for volumes with `phantom:` instead of `image:`, writes slices, labels and truth as a user would bring them.
for volume in PLAN.volumes.values():
    if volume.phantom:

        rule:
            name:
                f"phantom_{volume.name}"
            output:
                volume.phantom["files"],
            log:
                log_file("phantom", volume.name),
            benchmark:
                benchmark_file("phantom", volume.name)
            conda:
                ENVIRONMENT
            resources:
                mem_mb=3000,
                runtime=60,
            params:
                job=RULES.spec("phantom", {"volume": volume.name}).told(),
                code=script_version("phantom/phantom"),
            script:
                "../scripts/phantom/phantom.py"

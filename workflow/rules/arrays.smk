# arrays: writes the zarr.json of every array and group of a volume; slabs are filled in by the jobs that follow.
for volume in PLAN.volumes.values():

    rule:
        name:
            f"arrays_{volume.name}"
        output:
            [f"{volume.folder}/{array}/zarr.json" for array in PLAN.arrays(volume.name)],
        params:
            arrays=PLAN.arrays(volume.name),
            folder=volume.folder,
            code=code_version("store"),
        log:
            f"logs/arrays/{volume.name}.log",
        resources:
            mem_mb=700,
            runtime=10,
        script:
            "../scripts/arrays.py"

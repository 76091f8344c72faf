# meshes: surfaces of cells and organelles as files for other programs. Only `snakemake meshes` asks for them.
rule meshes:
    input:
        [
            VolumeFiles.of(volume).meshes(s)
            for volume in PLAN.applied
            for s in (CONFIG["meshes"]["structures"] or [PLAN.cells])
            if s in PLAN.structures_in(volume)
        ],


rule meshes_structure:
    input:
        unpack(RULES.inputs("meshes_structure")),
    output:
        directory(V.meshes("{structure}")),
    log:
        log_file("meshes_structure", "{volume}", "{structure}"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("meshes_structure"),
        runtime=RULES.minutes("meshes_structure"),
    params:
        job=RULES.told("meshes_structure"),
        code=script_version("viewer/meshes"),
    script:
        "../scripts/viewer/meshes.py"

# viewer: the volumes as pages for any web server. Only `snakemake viewer` asks for them.
rule viewer:
    input:
        [VolumeFiles.of(volume).viewer for volume in PLAN.applied],


rule viewer_files:
    input:
        unpack(RULES.inputs("viewer_files")),
        script=workflow.source_path("../ultraseg/viewer/page.js"),
    output:
        directory(V.viewer),
    log:
        log_file("viewer_files", "{volume}"),
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("viewer_files"),
        runtime=RULES.minutes("viewer_files"),
    params:
        job=RULES.told("viewer_files"),
        code=script_version("viewer/viewer_files"),
    script:
        "../scripts/viewer/viewer_files.py"

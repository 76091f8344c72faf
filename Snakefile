# The workflow lies in workflow/; this file makes plain `snakemake` in the repository's root run it.
include: "workflow/Snakefile"


rule ultraseg:
    default_target: True
    input:
        rules.all.input,

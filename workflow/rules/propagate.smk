# propagate: cell ids carried through one gap between two labelled slices, from both sides.
# The rule also carries ids past a held-out slice, as if the slice were not labelled; evaluate scores these ids.
rule propagate:
    input:
        unpack(RULES.inputs("propagate")),
    output:
        V.propagated("{gap}"),
    log:
        log_file("propagate", "{volume}", "{gap}"),
    benchmark:
        benchmark_file("propagate", "{volume}", "{gap}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("propagate"),
        runtime=RULES.minutes("propagate"),
    params:
        job=RULES.told("propagate"),
        code=script_version("cells/propagate"),
    script:
        "../scripts/cells/propagate.py"


use rule propagate as propagate_ends with:
    # For slices that are labelled only in part: the ids that reach the labelled slice at the far end of a gap. The next
    # gap starts from them.
    input:
        unpack(RULES.inputs("propagate_ends")),
    output:
        V.carried("{gap}", "{direction}"),
    log:
        log_file("propagate_ends", "{volume}", "{gap}", "{direction}"),
    benchmark:
        benchmark_file("propagate_ends", "{volume}", "{gap}", "{direction}")
    wildcard_constraints:
        direction="up|down",
    params:
        job=RULES.told("propagate_ends"),
        code=script_version("cells/propagate"),

# propagate: cell ids carried through one gap between two labelled slices, by optical flow from both sides or in three
# dimensions at once.
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


# try_method: for volumes that choose between the methods, what one of them makes of a labelled slice that is left out.
rule try_method:
    input:
        unpack(RULES.inputs("try_method")),
    output:
        V.tried("{method}", "{gap}"),
    log:
        log_file("try_method", "{volume}", "{method}", "{gap}"),
    benchmark:
        benchmark_file("try_method", "{volume}", "{method}", "{gap}")
    wildcard_constraints:
        method="flow|volume",
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("try_method"),
        runtime=RULES.minutes("try_method"),
    params:
        job=RULES.told("try_method"),
        code=script_version("cells/try_method"),
    script:
        "../scripts/cells/try_method.py"


# choose_method: the results of both methods -> the better one.
rule choose_method:
    input:
        unpack(RULES.inputs("choose_method")),
    output:
        V.method,
    log:
        log_file("choose_method", "{volume}"),
    benchmark:
        benchmark_file("choose_method", "{volume}")
    conda:
        ENVIRONMENT
    resources:
        mem_mb=RULES.mem_mb("choose_method"),
        runtime=RULES.minutes("choose_method"),
    params:
        job=RULES.told("choose_method"),
        code=script_version("evaluate/choose_method"),
    script:
        "../scripts/evaluate/choose_method.py"

if PLAN.ready_cells:

    # take_cells: cells of another program -> the 2D pieces of cells in each slice of a slab, and a table of them.
    rule take_cells:
        input:
            unpack(RULES.inputs("take_cells")),
        output:
            pieces=shard_file(V.pieces, "{slab}"),
            table=V.piece_table("{slab}"),
        log:
            log_file("take_cells", "{volume}", "{slab}"),
        benchmark:
            benchmark_file("take_cells", "{volume}", "{slab}")
        conda:
            ENVIRONMENT
        resources:
            mem_mb=RULES.mem_mb("take_cells"),
            runtime=RULES.minutes("take_cells"),
        params:
            job=RULES.told("take_cells"),
            code=script_version("cells/take_cells"),
        script:
            "../scripts/cells/take_cells.py"

else:

    # cells: propagated ids and maps of one slab -> the 2D pieces of cells in each slice, and a table of them.
    rule cells:
        input:
            unpack(RULES.inputs("cells")),
        output:
            pieces=shard_file(V.pieces, "{slab}"),
            table=V.piece_table("{slab}"),
        log:
            log_file("cells", "{volume}", "{slab}"),
        benchmark:
            benchmark_file("cells", "{volume}", "{slab}")
        conda:
            ENVIRONMENT
        resources:
            mem_mb=RULES.mem_mb("cells"),
            runtime=RULES.minutes("cells"),
        params:
            job=RULES.told("cells"),
            code=script_version("cells/cells"),
        script:
            "../scripts/cells/cells.py"

# meshes: surfaces of cells and organelles as files for other programs. Nothing asks for them but `snakemake meshes`.
MESHED = {
    volume: [s for s in (CONFIG["meshes"]["structures"] or [PLAN.cells]) if s in PLAN.structures_in(volume)]
    for volume in PLAN.applied
}


rule meshes:
    input:
        [f"results/{volume}/meshes/{s}" for volume, structures in MESHED.items() for s in structures],


rule meshes_structure:
    input:
        lambda wc: ASKS.whole_image(wc.volume),
        tables=expand("results/{{volume}}/tables/{table}.parquet", table=["cells", "organelles"]),
    output:
        directory("results/{volume}/meshes/{structure}"),
    log:
        "logs/meshes_structure/{volume}/{structure}.log",
    conda:
        "../../envs/workflow.yaml"
    resources:
        mem_mb=lambda wc, attempt: (1000 + CONFIG["meshes"]["max_voxels"] * 60 // 10**6) * attempt,
        runtime=lambda wc, attempt: 120 * attempt,
    params:
        is_cells=lambda wc: wc.structure == PLAN.cells,
        formats=CONFIG["meshes"]["formats"],
        max_voxels=CONFIG["meshes"]["max_voxels"],
        code=code_version("viewer.mesh_files"),
    script:
        "../scripts/meshes.py"

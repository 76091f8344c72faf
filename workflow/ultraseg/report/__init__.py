"""Pages of tables and facts, and Snakemake's report as one file."""

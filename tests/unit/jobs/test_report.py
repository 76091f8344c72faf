"""What the report tells, and how a phantom is asked for."""

from asked import files, spec
from tiny_plan import make_plan, plan_without_cells, two_volumes
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan


def test_pages_are_made_from_the_tables_that_a_volume_has(tmp_path):
    found = files(make_plan(tmp_path), "report_tables")
    names = ["cells", "contacts", "organelles", "protrusions", "slices", "links", "meetings", "label_next"]
    assert found["tables"] == [f"results/a/tables/{name}.parquet" for name in names]
    assert found["metrics"] == "results/a/metrics.csv"
    assert files(plan_without_cells(tmp_path), "report_tables")["tables"] == found["tables"][:5]


def test_the_page_of_the_run_tells_of_every_slab_of_every_network(tmp_path):
    plan = Plan(load_config(two_volumes(tmp_path, apply_to=["b"])))
    found = files(plan, "report_run")
    assert found["cards"] == ["results/models/context.json", "results/models/detail.json"]
    assert found["devices"] == [
        f"results/b/work/devices/{network}/{slab}.json" for network in plan.networks for slab in range(3)
    ]
    told = spec(plan, "report_run")
    assert told.n_slabs == {"a": 6, "b": 3} and told.config == plan.config
    assert told.volumes["a"].startswith("21 x 24 x 40 voxels of 4 x 4 x 4 nm")

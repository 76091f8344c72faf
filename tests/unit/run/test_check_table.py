"""The table of what a run costs."""

from tiny_plan import make_config
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.check_table import format_tables
from ultraseg.run.checked import Checked


def test_a_run_that_trains_no_network_has_a_table(tmp_path, monkeypatch):
    config = load_config(make_config(tmp_path))
    plan = Plan(config)
    trained = format_tables(Checked(config, plan.volumes, plan=plan))
    assert "training" in trained and "network context" in trained
    monkeypatch.setattr(Plan, "trained", [])  # as where every network has a `model`
    ready = format_tables(Checked(config, plan.volumes, plan=plan))
    assert "training" not in ready and "network context" not in ready and "\n" in ready

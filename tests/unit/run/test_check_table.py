"""What ``check`` prints: a table of each volume, what the run costs, and problems."""

import pytest
from tiny_plan import make_config, plan_with_planes
from ultraseg.base.errors import UserError
from ultraseg.plan.config import load_config
from ultraseg.plan.plan import Plan
from ultraseg.run.check_table import format_problems, format_tables, print_findings
from ultraseg.run.checked import Checked


def test_a_run_that_trains_no_network_has_a_table(tmp_path, monkeypatch):
    config = load_config(make_config(tmp_path))
    plan = Plan(config)
    trained = format_tables(Checked(config, plan.volumes, plan=plan))
    assert "training" in trained and "network context" in trained
    monkeypatch.setattr(Plan, "trained", [])  # as where every network has a `model`
    ready = format_tables(Checked(config, plan.volumes, plan=plan))
    assert "training" not in ready and "network context" not in ready and "\n" in ready


def test_many_files_with_one_problem_are_shown_as_one():
    errors = [UserError(f"/data/z{z}.tif: is empty", "Copy it again.") for z in range(20)]
    text = format_problems([*errors, UserError("volumes.a.image: nothing", "Name a folder.")])
    assert text.startswith("21 problems:") and text.count("Copy it again.") == 1
    assert "and 15 more files" in text and "volumes.a.image: nothing" in text


def test_planes_across_the_slices_are_in_the_table(tmp_path):
    plan = plan_with_planes(tmp_path)
    text = format_tables(Checked(plan.config, plan.volumes, plan=plan))
    assert "5 slices: 0, 5, 10, 15, 20, and xz planes 7, and yz planes 11, 33" in text
    assert "labels_planes" in text  # and what their check costs


@pytest.fixture
def checked(tmp_path):
    config = load_config(make_config(tmp_path))
    plan = Plan(config)
    return Checked(config, plan.volumes, plan=plan, files=7, seconds=1.25)


def test_bad_slices_splits_and_steps_are_in_the_table(tmp_path):
    config = make_config(tmp_path)
    (tmp_path / "image/z0008.tif").unlink()
    config["volumes"]["a"] |= {"missing_slices": "bridge", "bad_slices": [6, 7]}
    config["networks"]["context"]["test"] = [10]
    plan = Plan(load_config(config))
    text = format_tables(Checked(plan.config, plan.volumes, plan=plan))
    assert "21, in 6 slabs of 4; 1 missing, to be bridged; 2 declared bad" in text
    assert "test 10" in text and "labels: membrane  2 slices: 0, 5" in text
    rows = [line.split()[0] for line in text.splitlines() if line.strip()]
    assert {"ingest", "predict", "propagate", "link_relabel", "figures"} <= set(rows)


def test_cells_without_nuclei_are_pointed_out(tmp_path):
    config = load_config(make_config(tmp_path))
    assert "concern nuclei" not in format_tables(Checked(config, (p := Plan(config)).volumes, plan=p))
    config["structures"]["nuclei"]["role"] = "none"
    text = format_tables(Checked(config, (p := Plan(config)).volumes, plan=p))
    assert "concern nuclei stay empty; if one of nuclei is the nuclei, give it role: nuclei" in text


def test_a_problem_without_a_file_stands_alone():
    text = format_problems([UserError("volumes.a.image: nothing", "Name a folder.")])
    assert (
        text.startswith("1 problem:") and "  1. volumes.a.image: nothing\n     Cure: Name a folder." in text
    )


def test_findings_are_printed_with_tables_or_without(checked, capsys):
    print_findings(checked)
    assert "Volume a" in (shown := capsys.readouterr().out)
    assert "Checked 7 files in 1.2 s: no problem found." in shown
    checked.problems = [UserError("z.tif: is empty", "Copy it again.")]
    print_findings(checked, tables=False)
    shown = capsys.readouterr().out
    assert "Volume a" not in shown and "1 problem:" in shown and "no problem" not in shown

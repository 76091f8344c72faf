"""A configuration is read as data, whoever wrote it."""

from pathlib import Path

import pytest
from snakemake.common.configfile import load_configfile
from ultraseg.base.errors import UserError
from ultraseg.plan.config_file import enter_run, read_config_file

ROOT = Path(__file__).parents[3]


def test_a_configuration_is_read(tmp_path):
    (tmp_path / "my.yaml").write_text("volumes: {µ: {voxel_size_nm: [4, 4, 4]}}\n", encoding="utf-8")
    assert read_config_file(tmp_path / "my.yaml") == {"volumes": {"µ": {"voxel_size_nm": [4, 4, 4]}}}


@pytest.mark.parametrize(
    "content, words",
    [
        (b"__use_yte__: true\n?open('ran', 'w').close():\n  a: 1\n", "would run the Python code"),
        (b"a: !!python/object/apply:os.mkdir [ran]\n", "cannot be read"),
        (b"a: [1\n", "cannot be read"),
        (b"\xff\xfea\x00:\x00", "is saved as UTF-16"),
        ("voxel: 4 µm".encode("cp1252"), "not UTF-8"),
        (b"- a\n- b\n", "no table"),
        (b"", "no table"),
    ],
)
def test_what_is_no_configuration_or_would_run_code_is_refused_by_name(tmp_path, monkeypatch, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my.yaml").write_bytes(content)
    with pytest.raises(UserError, match=words) as raised:
        read_config_file("my.yaml")
    assert (
        raised.value.problem.startswith(("my.yaml: ", "my.yaml, line 1: "))
        and not (tmp_path / "ran").exists()
    )


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="gone.yaml: cannot be read"):
        read_config_file(tmp_path / "gone.yaml")


CODE = "__use_yte__: true\n?open('ran', 'w').close() or 'slab_depth': 4\n"


def test_snakemake_runs_code_in_a_configuration_and_this_module_does_not(tmp_path, monkeypatch):
    """The reason for the warning in the pages: where Snakemake stops running code, the warning can go."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "theirs.yaml").write_text(CODE)
    with pytest.raises(UserError, match="theirs.yaml: has the key __use_yte__"):
        read_config_file("theirs.yaml")
    assert not (tmp_path / "ran").exists()
    load_configfile("theirs.yaml")
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("page", ["config/README.md", "docs/input.md"])
def test_the_pages_say_that_a_configuration_is_a_program(page):
    text = " ".join((ROOT / page).read_text().split())
    assert "__use_yte__: true" in text and "runs the Python code in" in text
    assert "snakemake -n" in text and "ultraseg check --configfile" in text and "program" in text


def test_a_run_is_entered_with_another_place_of_the_data(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my run").mkdir()
    (tmp_path / "my.yaml").write_text("data_root: data\n")
    given, typed = enter_run(tmp_path / "my.yaml", tmp_path / "my run", "elsewhere")
    assert given == {"data_root": str(tmp_path / "elsewhere")} and Path.cwd() == tmp_path / "my run"
    assert typed == (
        f"--configfile {tmp_path}/my.yaml --directory '{tmp_path}/my run' --config data_root={tmp_path}/elsewhere"
    )

"""The report is made by Snakemake itself, from results that are there."""

import json
import os
import re
import zipfile

import pytest
from ultraseg.report.snakemake_report import size_warning, write_report

SNAKEFILE = """
rule report_figures:
    input:
        config["figure"],

rule figure:
    input:
        lambda wc: config.get("data", []),
    output:
        report(config["figure"], category="Slices"),
    params:
        data=config.get("data", ""),
    shell:
        "exit 1"
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """A run whose figure exists."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Snakefile").write_text(SNAKEFILE)
    (tmp_path / "results").mkdir()
    (tmp_path / "results/figure.txt").write_text("grey values and so on")
    return tmp_path


def test_the_report_is_a_zip_that_holds_the_figure(run):
    before = set(os.listdir(run / "results"))
    write_report("results/report.zip", "Snakefile", {"figure": "results/figure.txt"})
    with zipfile.ZipFile(run / "results/report.zip") as packed:
        names = packed.namelist()
        assert any(name.endswith("report.html") for name in names)
        figures = [name for name in names if name.endswith(".txt")]
        assert [packed.read(name) for name in figures] == [b"grey values and so on"]
    assert set(os.listdir(run / "results")) == before | {"report.zip"}


def scripts(report) -> int:
    with zipfile.ZipFile(report) as packed:
        (page,) = (name for name in packed.namelist() if name.endswith("report.html"))
        return packed.read(page).count(b"<script")


def test_a_name_of_a_file_adds_no_script_to_the_page(run):
    write_report("results/plain.zip", "Snakefile", {"figure": "results/figure.txt"})
    hostile = "a</script><script id=a>alert(1)<!--"
    (run / hostile).mkdir(parents=True)
    config = {"figure": "results/figure.txt", "data": f"{hostile}/z.tif"}
    (run / config["data"]).write_text("grey")
    write_report("results/hostile.zip", "Snakefile", config)
    assert scripts("results/hostile.zip") == scripts("results/plain.zip") > 10
    with zipfile.ZipFile("results/hostile.zip") as packed:
        (page,) = (packed.read(name) for name in packed.namelist() if name.endswith("report.html"))
    lines = re.findall(rb"^ *var \w+ = (.*alert.*);$", page, re.M)
    assert lines and all("<script id=a>alert(1)" in str(json.loads(line)) for line in lines)  # the name stays


def test_the_code_of_the_page_stays_as_it_is(run, monkeypatch):
    """Only data are written in another way: a comparison in the code would no longer be one."""
    write_report("results/report.zip", "Snakefile", {"figure": "results/figure.txt"})
    with zipfile.ZipFile("results/report.zip") as packed:
        (page,) = (packed.read(name) for name in packed.namelist() if name.endswith("report.html"))
    code = [line for line in page.splitlines() if rb"\u003c" in line and b"var " in line]
    for line in code:
        json.loads(re.fullmatch(rb" *var \w+ = (.*);", line)[1])
    assert re.search(rb"^ *var \w+ = .*<.*;$", page, re.M)  # the libraries of the page compare


def test_a_report_that_fails_says_why_and_leaves_no_file(run):
    with pytest.raises(RuntimeError, match="(?s)snakemake --report failed:.*figure"):
        write_report("results/report.zip", "Snakefile", {})
    assert os.listdir(run / "results") == ["figure.txt"]


def test_a_large_report_is_pointed_out(tmp_path):
    file = tmp_path / "report.zip"
    file.write_bytes(bytes(3_000_000))
    assert size_warning(str(file)) == ""
    assert "has 3 MB" in size_warning(str(file), largest=2_999_999)

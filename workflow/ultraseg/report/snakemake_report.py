"""The report: Snakemake's own, made by Snakemake from within the run."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from ultraseg.base.files import whole_file

TARGET = "report_figures"
# A line of JSON in the page of the report, or of the page's code.
DATA = re.compile(rb"^ *var \w+ = (.*);\r?$", re.M)
LARGEST = 20_000_000  # bytes of a report that is easily sent around


def write_report(file: str, snakefile: str, config: dict[str, Any], stylesheet: str | None = None) -> None:
    """Write the report (zip) of all that ``report_figures`` needs; it must be there already.

    ``stylesheet``: a CSS file that is laid over Snakemake's own.

    Raises RuntimeError with Snakemake's last words when it fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        configfile = Path(folder) / "config.json"
        configfile.write_text(json.dumps(config))
        part = Path(folder) / Path(file).name
        command = [sys.executable, "-m", "snakemake", TARGET, "--snakefile", str(snakefile)]
        command += ["--configfile", str(configfile), "--report", str(part), "--nolock", "--cores", "1"]
        command += ["--report-stylesheet", str(stylesheet)] if stylesheet else []
        # Variables of the outer Snakemake's job would point the inner one to the wrong profile.
        env = {key: value for key, value in os.environ.items() if key != "SNAKEMAKE_PROFILE"}
        done = subprocess.run(command, capture_output=True, text=True, env=env)
        if done.returncode or not part.exists():
            raise RuntimeError(f"snakemake --report failed:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}")
        with whole_file(file) as whole:
            _copy_without_markup(part, whole)


def _copy_without_markup(source: Path, target: str) -> None:
    """Copy a report with its data in a form that no browser takes for elements of the page.

    Snakemake writes names of files, which are the user's, as JSON into scripts of the page. A name with ``</script>``
    would end the script there, and what follows in the name would run. In JSON ``\\u003c`` means the same as ``<``.
    """
    with zipfile.ZipFile(source) as given, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as packed:
        for member in given.infolist():
            content = given.read(member)
            if member.filename.endswith("report.html"):
                content = DATA.sub(_without_markup, content)
            packed.writestr(member, content)


def _without_markup(line: re.Match[bytes]) -> bytes:
    try:
        json.loads(line[1])
    except ValueError:  # code, in which < compares
        return line[0]
    return line[0].replace(b"<", rb"\u003c")


def size_warning(file: str, largest: int = LARGEST) -> str:
    """What to say of a report that is too large to be sent around; empty where it is not."""
    size = os.path.getsize(file)
    if size <= largest:
        return ""
    return (
        f"{file} has {size / 1e6:.0f} MB. For a smaller one set report.montage_slices to fewer slices, or run "
        "the volumes in several runs."
    )

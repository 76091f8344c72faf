"""The script that runs beside rocrate: it leaves no half file. What it writes is tested in test_crate.py."""

import json
import subprocess

from extras_python import INSTALLED, needs_extras
from ultraseg.archive.crate import SCRIPT


@needs_extras
def test_facts_that_lack_something_leave_no_file(tmp_path):
    (tmp_path / "facts.json").write_text(json.dumps({"name": "a"}))
    done = subprocess.run(
        [INSTALLED, "-P", SCRIPT, tmp_path / "facts.json", tmp_path], capture_output=True, text=True
    )
    assert done.returncode and "KeyError" in done.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["facts.json"]

"""What scripts load before their work begins: a library that only some functions need is imported in these functions.

Importing takes longer than the work of many jobs on small volumes (benchmarks/startup.py).
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from ultraseg.run.code_version import module_file

SCRIPTS = Path(__file__).parents[2] / "workflow/scripts"
# Libraries that take more than 20 ms to import. TensorFlow and its like take seconds.
SLOW = {"cv2", "dask", "h5py", "jax", "jsonschema", "keras", "matplotlib", "numcodecs", "numpy", "pandas"}
SLOW |= {"pyarrow", "scipy", "skimage", "snakemake", "tensorflow", "tifffile", "torch", "yaml", "zarr"}
ARRAYS = {"numpy", "numcodecs", "cv2"}
TABLES = {"numpy", "pandas", "pyarrow"}
FIGURES = TABLES | {"matplotlib"}
MAY_LOAD = {
    "check": {"jsonschema", "snakemake", "yaml"},  # the whole plan
    "verify": {"jsonschema", "yaml", "numpy", "numcodecs"},
    "cells/cells": ARRAYS | TABLES,
    "cells/flow": ARRAYS,
    "cells/propagate": ARRAYS | {"scipy", "skimage"},
    "cells/take_cells": ARRAYS | TABLES,
    "cells/try_method": ARRAYS | {"scipy", "skimage"},
    "evaluate/choose_method": ARRAYS | {"yaml"},
    "evaluate/evaluate": ARRAYS | TABLES | {"yaml"},
    "evaluate/label_next": {"yaml"} | FIGURES,
    "figures/figure_cell": ARRAYS | FIGURES | {"scipy"},
    "figures/figure_links": ARRAYS | FIGURES | {"scipy"},
    "figures/figures": ARRAYS | FIGURES | {"scipy"},
    "figures/learning_curves": FIGURES,
    "ingest/ingest": ARRAYS,
    "ingest/window": {"numpy"},
    "labels/labels": {"numpy"},
    "labels/labels_fit": ARRAYS,
    "labels/labels_planes": {"numpy"},
    "layout/array_layout": set(),
    "layout/image_layout": set(),
    "link/link": ARRAYS | TABLES | {"yaml"},
    "link/link_edges": ARRAYS | TABLES | {"yaml"},
    "link/link_relabel": ARRAYS | TABLES | {"yaml"},
    "measure/measure": ARRAYS | TABLES,
    "measure/measure_slab": ARRAYS | TABLES,
    "objects/objects": ARRAYS,
    "objects/objects_label": ARRAYS,
    "objects/objects_merge": ARRAYS,
    "objects/take_objects": ARRAYS,
    "phantom/phantom": set(),
    "predict/cuts": ARRAYS,
    "predict/maps_card": ARRAYS,
    "predict/predict": ARRAYS,
    "predict/take_cuts": ARRAYS,
    "predict/take_maps": ARRAYS,
    "quality/quality": FIGURES,
    "quality/quality_slab": ARRAYS | TABLES,
    "report/report": set(),
    "report/report_run": TABLES | {"yaml"},
    "report/report_tables": TABLES,
    "train/adopt": set(),
    "train/augmentation": ARRAYS | {"matplotlib"},
    "train/quantise": set(),
    "train/tiles": ARRAYS,
    "train/train": set(),
    "viewer/meshes": ARRAYS | TABLES | {"scipy", "skimage"},
    "viewer/viewer_files": ARRAYS | TABLES | {"scipy", "skimage"},
}


def top_imports(file: Path) -> Iterator[tuple[str, list[str]]]:
    """The modules that a file imports when it is imported itself, with the names that it takes from each."""
    waiting: list[ast.AST] = list(ast.parse(file.read_text()).body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from ((alias.name, []) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield str(node.module), [alias.name for alias in node.names]
        elif isinstance(node, ast.ClassDef | ast.Try):
            waiting += node.body
        elif isinstance(node, ast.If) and "TYPE_CHECKING" not in ast.unparse(node.test):
            waiting += node.body + node.orelse


def libraries_of(file: Path) -> set[str]:
    """All that a file imports at its top, and at the top of the modules of the package that it imports so."""
    found, waiting, seen = set(), [file], set()
    while waiting:
        file = waiting.pop()
        if file in seen:
            continue
        seen.add(file)
        for module, names in top_imports(file):
            top, _, within = module.partition(".")
            if top != "ultraseg":
                found.add(top)
                continue
            own = [within, *(f"{within}.{name}".lstrip(".") for name in names)]
            waiting += [path for name in own if name and (path := module_file(name)).exists()]
    return found


def loaded(code: str) -> set[str]:
    """The libraries that a piece of code loads in a Python of its own."""
    code += "\nimport sys\nprint('loaded', *{name.partition('.')[0] for name in sys.modules})\n"
    found = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True).stdout
    return {*found.split("loaded ")[-1].split()}


def test_every_script_says_what_it_may_load():
    assert {str(file.relative_to(SCRIPTS).with_suffix("")) for file in SCRIPTS.rglob("*.py")} == {*MAY_LOAD}


@pytest.mark.parametrize("script", MAY_LOAD)
def test_a_script_loads_no_slow_library_that_it_does_not_need(script):
    assert libraries_of(SCRIPTS / f"{script}.py") & SLOW <= MAY_LOAD[script]


@pytest.mark.parametrize(
    "script", ["layout/array_layout", "objects/objects", "predict/predict", "train/train"]
)
def test_what_is_read_in_the_files_is_what_python_loads(script):
    nodes = ast.parse((SCRIPTS / f"{script}.py").read_text()).body
    imports = [ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
    found = loaded("\n".join(imports))
    assert {"ultraseg"} <= found
    assert found & SLOW == libraries_of(SCRIPTS / f"{script}.py") & SLOW <= MAY_LOAD[script]


def test_an_import_at_the_top_is_seen_and_one_in_a_function_is_not(tmp_path):
    file = tmp_path / "script.py"
    file.write_text(
        "from typing import TYPE_CHECKING\nfrom ultraseg.cells import fusion\nif TYPE_CHECKING:\n    import keras\n"
        "def late():\n    import matplotlib\nclass Early:\n    import h5py\n"
    )
    assert libraries_of(file) & SLOW == {"cv2", "numpy", "scipy", "skimage", "h5py"}

"""docs/errors.md, written from the messages in the code: ``python tools/docs/errors_page.py > docs/errors.md``.

A message is a call ``UserError(problem, cure)``; in some modules also a pair of texts, or one problem of a list.
"""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import NamedTuple

WORKFLOW = Path(__file__).parents[2] / "workflow"

INTRODUCTION = """\
# Messages and their cures

<!-- Written by `make docs` from the messages in the code: change these, not this file. -->

A message of the workflow says what is wrong with which file or value, and behind `Cure:` what to do. It is on the
terminal, in the log of its job (`logs/<step>/...log`), and in `make status`. Here are all of them, by subject. Search
for a word that is no name and no number: those are written here as FILE, PATH, KEY, NAME, N, LIST or `...`.

After the cure, give the same command again: what is finished stays. [recovery.md](recovery.md) tells what to type
after interruptions. A message that is not here and ends in lines of code (`Traceback`) is a fault of the software:
please report it, with the log of the job.
"""

# What Snakemake itself says; a test makes each of them appear.
SNAKEMAKE = {
    "snakemake: command not found": "Activate the environment in this shell, in the folder of ultraseg: "
    "`. .venv/bin/activate`. If there is no `.venv`: `make env`.",
    "cores have to be specified for local execution": "Activate the environment, "
    "which then uses all cores, or add `--cores 4`.",
    "Directory cannot be locked": "Another run works in this folder: wait for it. If it was killed: the same command "
    "with `--unlock`, then again without ([recovery.md](recovery.md)).",
    "The files below seem to be incomplete": "Add `--rerun-incomplete`, which the active environment and the SLURM "
    "profile set by themselves: jobs that did not end are made again. If another run works here, wait for it.",
    "unrecognized arguments": "Correct the option; `snakemake --help` lists all of them.",
    "UnicodeDecodeError: 'utf-8' codec can't decode byte": "The configuration is not saved as "
    "UTF-8: save the file that `--configfile` names as UTF-8 (plain text), not as UTF-16, ANSI or Latin-1.",
    "MissingRuleException": "No step makes the file that you asked for: correct its name. "
    "Files are named as in README.md, from `results/` on.",
}

SECTIONS = {
    "Configuration": (
        "base.yaml_file plan.config_file plan.config_text plan.config plan.config_sections plan.roles plan.plan "
        "plan.splits plan.maps plan.open_volume plan.label_choice plan.label_planes plan.networks ingest.crop "
        "run.costs phantom.volume"
    ),
    "Files, folders and slice numbers": "ingest.find_slices ingest.numbering formats.tiff_decode",
    "Images": (
        "formats.slice_checks formats.other_formats formats.tiff_stack formats.mrc formats.ome_zarr_layout "
        "formats.ome_zarr_metadata formats.ome_zarr_read formats.remote_zarr formats.array_files formats.medical_files "
        "formats.pixel_size ingest.any_volume arrays.grey_values ingest.grey_window"
    ),
    "Labels": (
        "base.ids labels.coverage labels.source labels.planes labels.pixels labels.reader labels.imagej_rois "
        "labels.roi_files"
    ),
    "Training and networks": (
        "train.tiles train.train_network train.checkpoints networks.card networks.model_file networks.model_guard "
        "networks.architecture predict.quantise predict.predictor predict.map_source "
        "predict.map_values predict.take_maps objects.ready"
    ),
    "GPU": "networks.gpu networks.devices",
    "Results, disk and memory": (
        "storage.arrays storage.hdf5 base.files run.inputs run.verify scripts.verify run.limits "
        "base.system_errors"
    ),
    "Edits of cells": "link.edit_file link.apply_edits",
    "Viewer, proofreading, comparison, status and cut": (
        "storage.finished_runs storage.ome_read viewer.server viewer.page viewer.state "
        "viewer.start_napari exchange.labelling exchange.label_target exchange.label_window run.status "
        "exchange.annotation exchange.webknossos_read exchange.wkw exchange.webknossos_write "
        "exchange.proofread exchange.export exchange.compare exchange.cut_public exchange.public_arrays "
        "viewer.skeletons archive.crate archive.people archive.model_sample archive.model_package"
    ),
}
PAIRS = (
    "networks.gpu",
    "networks.devices",
    "base.system_errors",
)  # modules that hand (problem, cure) on to the one that raises
LISTED = (
    "plan.config",
    "plan.config_sections",
    "plan.roles",
    "plan.config_text",
)  # every text that these yield or return is a problem
GENERAL = ("base.errors",)  # joins the messages of others
# Placeholders of the messages as a reader understands them; all others are "..." or, for counts, "N".
WORDS = {
    "file": "FILE",
    "path": "PATH",
    "folder": "FOLDER",
    "where": "KEY",
    "name": "NAME",
    "structure": "STRUCTURE",
}
WORDS |= {
    "source": "SOURCE",
    "network": "NETWORK",
    "volume": "VOLUME",
    "array": "PATH",
    "path.name": "FILE",
    "ref.file": "FILE",
}
WORDS |= {
    "files[0]": "FILE",
    "taken[0]": "FILE",
    "axis": "AXIS",
    "key": "KEY",
    "section": "KEY",
    "error.filename": "FILE",
}
COUNT = (
    r"len\(.*\)|count|n|n_slices|\w*shape\[\d\]|page|pages|index|size|needed|actual|seconds|wanted|first|last"
)
LIST = r".*\.join\(.*|format_numbers\(.*|gaps|listed|lacking"
INTRODUCTIONS = {
    "Configuration": "All problems of a configuration are listed together; "
    "[config/README.md](../config/README.md) has every key.",
    "Labels": "[input.md](input.md#labels) shows every way to give labels, with an example of each.",
    "GPU": "Most begin with `the configuration says 'device: gpu', but`. Nothing falls back to the CPU by itself.",
}


class Message(NamedTuple):
    """One message as a reader meets it; ``cure`` is empty where the message that lists it has the cure."""

    problem: str
    cure: str


def messages(code: str, module: str) -> list[Message]:
    """All messages of one module's code, in the order of the code and each once."""
    reader = Reader(code)
    found = []
    for scope, node in reader.nodes():
        problem, cure = _parts(node, module)
        if problem is not None and "error.problem" not in ast.unparse(problem):
            said = reader.text(problem, scope), reader.text(cure, scope) if cure is not None else ""
            if len(re.findall(r"\b[a-z]{2,}\b", said[0])) > 1 and said[1] != "...":
                found.append((node.lineno, Message(*said)))
    return list(dict.fromkeys(message for _, message in sorted(found, key=lambda pair: pair[0])))


def _parts(node: ast.AST, module: str) -> tuple[ast.expr | None, ast.expr | None]:
    """The expressions of problem and cure where a node is a message."""
    if isinstance(node, ast.Call) and ast.unparse(node.func) in ("UserError", "time_limit"):
        given = [a for a in node.args if not isinstance(a, ast.Starred)]
        given += [keyword.value for keyword in node.keywords if keyword.arg == "cure"]
        return (given[-2], given[-1]) if len(given) >= 2 else (None, None)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "problems.append":
        return node.args[0], None
    if isinstance(node, ast.Tuple) and module in PAIRS and len(node.elts) == 2 and _is_text(node.elts[0]):
        return node.elts[0], node.elts[1]
    if isinstance(node, ast.Yield | ast.Return) and module in LISTED and _is_text(node.value):
        return node.value, None
    return None, None


def _is_text(node: ast.AST | None) -> bool:
    if isinstance(node, ast.BinOp):
        return isinstance(node.op, ast.Add) and (_is_text(node.left) or _is_text(node.right))
    return isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, str))


class Reader:
    """Texts of one module's code, with words for their placeholders; names that the code gives texts are followed."""

    def __init__(self, code: str):
        self.tree = ast.parse(code)

    def nodes(self) -> list[tuple[ast.AST, ast.AST]]:
        """All nodes, each after the function that it is in."""
        found, waiting = [], [(self.tree, self.tree)]
        while waiting:
            scope, node = waiting.pop()
            found.append((scope, node))
            inner = node if isinstance(node, ast.FunctionDef) else scope
            waiting += [(inner, child) for child in ast.iter_child_nodes(node)]
        return found

    def text(self, node: ast.expr, scope: ast.AST) -> str:
        """A text as its reader meets it."""
        if isinstance(node, ast.Constant):
            return str(node.value)
        if isinstance(node, ast.JoinedStr):
            parts = "".join(self.text(part, scope) for part in node.values)
            return re.sub(r"\.{4,}", "...", parts).replace("\n", " ")
        if isinstance(node, ast.FormattedValue):
            return self.text(node.value, scope)
        if isinstance(node, ast.BinOp) and _is_text(node):
            return self.text(node.left, scope) + self.text(node.right, scope)
        if isinstance(node, ast.IfExp):
            return self._one_of([node.body, node.orelse], scope)
        return self._placeholder(node, scope)

    def _placeholder(self, node: ast.expr, scope: ast.AST) -> str:
        written = ast.unparse(node)
        if written in WORDS:
            return WORDS[written]
        if re.fullmatch(COUNT, written):
            return "N"
        if re.fullmatch(LIST, written):
            return "LIST"
        if isinstance(node, ast.Name):
            return self._one_of(self._assigned(node.id, scope), scope)
        if isinstance(node, ast.Call):
            return self._one_of(self._returned(ast.unparse(node.func)), scope)
        return "..."

    def _one_of(self, nodes: list[ast.expr], scope: ast.AST) -> str:
        """Phrases that may stand in a place; a single word there is a value."""
        phrases = [text for text in (self.text(node, scope) for node in nodes) if text.strip()]
        plain = all(" " in text for text in phrases)
        return " / ".join(dict.fromkeys(phrases)) if phrases and plain else "..."

    def _assigned(self, name: str, scope: ast.AST) -> list[ast.expr]:
        """Texts that a function, the module, or the module that it is imported from gives a name."""
        for place in (scope, self.tree):
            values = [
                node.value
                for node in ast.walk(place)
                if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]
            ]
            if values:
                return [v for v in values if _is_text(v) or isinstance(v, ast.IfExp)]
        for node in ast.walk(self.tree):
            if isinstance(node, ast.ImportFrom) and name in [alias.name for alias in node.names]:
                source = WORKFLOW / f"{node.module.replace('.', '/')}.py"
                if source.exists():
                    return Reader(source.read_text())._assigned(name, ast.Module([], []))
        return []

    def _returned(self, function: str) -> list[ast.expr]:
        """Texts that a function of the module returns."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.FunctionDef) and node.name == function:
                return [n.value for n in ast.walk(node) if isinstance(n, ast.Return) and _is_text(n.value)]
        return []


def all_messages() -> dict[str, list[Message]]:
    """Messages of all modules and scripts that have any, by dotted name."""
    found = {}
    for name, file in all_modules().items():
        said = [] if name in GENERAL else messages(file.read_text(), name)
        if said:
            found[name] = said
    return found


def all_modules() -> dict[str, Path]:
    """All modules and scripts by dotted name: ``formats.mrc``, ``scripts.train``. Raises RuntimeError for none."""
    package, files = WORKFLOW / "ultraseg", sorted(WORKFLOW.glob("ultraseg/**/*.py"))
    files = [file for file in files if file.name != "__init__.py"]
    if not files:
        raise RuntimeError(f"no module in {package}")
    files += sorted(WORKFLOW.glob("scripts/**/*.py"))
    return {
        ".".join(
            file.relative_to(package if package in file.parents else WORKFLOW).with_suffix("").parts
        ): file
        for file in files
    }


def markdown(found: dict[str, list[Message]]) -> str:
    """The page with all messages. Raises ValueError for a module that no section names."""
    homeless = set(found) - set(" ".join(SECTIONS.values()).split())
    if homeless:
        raise ValueError(f"no section of docs/errors.md for the messages of {', '.join(sorted(homeless))}")
    lines = [INTRODUCTION, "## Snakemake's own", ""]
    lines += [_line(problem, cure) for problem, cure in SNAKEMAKE.items()]
    told: set[Message] = set()
    for section, modules in SECTIONS.items():
        lines += ["", f"## {section}", ""]
        lines += [INTRODUCTIONS[section], ""] if section in INTRODUCTIONS else []
        said = [message for module in modules.split() for message in found.get(module, [])]
        lines += [_line(*message) for message in dict.fromkeys(said) if message not in told]
        told.update(said)
    return "\n".join(lines) + "\n"


def _line(problem: str, cure: str) -> str:
    fence = "``" if "`" in problem else "`"
    cure = re.sub(r"(?<!`)<(\w+)>", r"&lt;\1&gt;", cure).strip()
    return f"- {fence}{problem.strip()}{fence}" + (f"<br>{cure[0].upper()}{cure[1:]}" if cure else "")


if __name__ == "__main__":
    sys.stdout.write(markdown(all_messages()))

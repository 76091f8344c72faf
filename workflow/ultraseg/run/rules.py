"""The functions of Snakemake's wildcards that the rules name, over one plan: inputs, parameters and resources."""

from __future__ import annotations

import inspect
import math
import sys
from collections.abc import Callable, Mapping
from functools import lru_cache, wraps
from typing import Any, TypeVar
from weakref import ref

from snakemake import iocontainers, output_index, resources, sourcecache
from snakemake.common import overwrite_function_params

from ultraseg.jobs import (
    cells,
    evaluate,
    figures,
    ingest,
    labels,
    layout,
    link,
    measure,
    objects,
    predict,
    quality,
    report,
    train,
)
from ultraseg.jobs.spec import Cost, Files, JobSpec, Wildcards
from ultraseg.jobs.whole_run import Verify
from ultraseg.plan.plan import Plan

BY_RULE: dict[str, type[JobSpec]] = {
    "phantom": ingest.Phantom,
    "image_layout": layout.ImageLayout,
    "image_group": layout.ImageGroup,
    "label_groups": layout.LabelGroups,
    "structure_layout": layout.StructureLayout,
    "network_layout": layout.NetworkLayout,
    "cell_layout": layout.CellLayout,
    "cut_layout": layout.CutLayout,
    "window": ingest.Window,
    "ingest": ingest.Ingest,
    "quality_slab": quality.QualitySlab,
    "quality": quality.Quality,
    "labels": labels.Labels,
    "labels_corrected": labels.CorrectedLabels,
    "labels_planes": labels.LabelPlanes,
    "labels_fit": labels.LabelFit,
    "tiles": train.Tiles,
    "train": train.Train,
    "adopt": train.Adopt,
    "quantise": train.Quantise,
    "augmentation": train.AugmentationFigure,
    "predict": predict.Predict,
    "cuts": predict.Cuts,
    "maps_card": predict.MapsCard,
    "take_maps": predict.TakeMaps,
    "take_cuts": predict.TakeCuts,
    "objects_label": objects.ObjectsLabel,
    "objects_merge": objects.ObjectsMerge,
    "objects": objects.Objects,
    "take_objects": objects.TakeObjects,
    "flow": cells.Flow,
    "propagate": cells.Propagate,
    "propagate_ends": cells.Propagate,
    "try_method": cells.TryMethod,
    "choose_method": evaluate.ChooseMethod,
    "cells": cells.Cells,
    "take_cells": cells.TakeCells,
    "link_edges": link.LinkEdges,
    "link": link.Link,
    "link_relabel": link.LinkRelabel,
    "label_next": evaluate.LabelNext,
    "measure_slab": measure.MeasureSlab,
    "measure": measure.Measure,
    "evaluate": evaluate.Evaluate,
    "figures": figures.Figures,
    "figure_cell": figures.FigureCell,
    "figure_links": figures.FigureLinks,
    "learning_curves": figures.LearningCurves,
    "report_tables": report.ReportTables,
    "report_run": report.ReportRun,
    "viewer_files": figures.ViewerFiles,
    "meshes_structure": figures.Meshes,
    "verify": Verify,
}
SNAKEMAKE_MB = 300  # the two Snakemakes around a job on a cluster
MEMORY_MARGIN = 1.4  # of what a job asks for over what is expected; every retry asks for as much again
TIME_MARGIN = 5  # disks and processors of clusters differ more than memory
LEAST_MINUTES = 10
# Snakemake asks all jobs for their files, then all jobs for their parameters, then all for their resources. To remember
# a job takes half a kilobyte, a hundredth of what Snakemake holds of it.
REMEMBERED = 1_000_000
REMEMBERED_COSTS = 256  # memory and time of a job are asked for soon after one another
MANY_FILES = 40  # from here on a set is faster than a list, although it has to be made


def remember_lookups() -> None:
    """Let Snakemake remember five answers that stay the same, which it looks up anew for every job.

    These are the parameters of the function that evaluates a resource, the parts of the path of a script, the rules
    that make a file, which several jobs read, whether a script can be read, and which files are inputs of a job of the
    whole volume. They took a third of the time of planning a large volume. What Snakemake does stays the same. Other
    versions of Snakemake may have no such functions; then nothing is done.
    """
    if evaluate := getattr(getattr(resources, "Resource", None), "evaluate", None):
        _looked_up(evaluate, bound=True)
    parse = getattr(sourcecache, "parse_uri", None)
    if parse and not hasattr(parse, "cache_info"):
        sourcecache.parse_uri = lru_cache(REMEMBERED_COSTS)(parse)
    match = getattr(output_index.OutputIndex, "match_producers", None)
    if match and not hasattr(match, "__wrapped__"):
        output_index.OutputIndex.match_producers = _remembering(match)
    # Not imported here: this module and the one that holds the workflow import each other.
    scripts = getattr(sys.modules.get("snakemake.dag"), "ScriptProcessor", None)
    if scripts and not hasattr(scripts.process_job, "__wrapped__"):
        scripts.process_job = _once_per_script(scripts.process_job)
    files = getattr(iocontainers, "InputFiles", None)
    if files and "__contains__" not in vars(files):
        files.__contains__ = _finding(list.__contains__)


def _remembering(match: Callable[[Any, str], set[Any]]) -> Callable[[Any, str], set[Any]]:
    """The function that finds the rules of a file in an index, with what it found remembered in the index."""

    @wraps(match)
    def remembered(index: Any, file: str) -> set[Any]:
        known: dict[str, set[Any]] = vars(index).setdefault("_ultraseg_known", {})
        found = known.get(file)
        if found is None:
            found = match(index, file)
            if found:  # the user's own files, which no rule makes, are asked for once
                known[file] = found
        return found

    return remembered


def _once_per_script(process: Callable[[Any, Any], None]) -> Callable[[Any, Any], None]:
    """The function that opens the script of a job, to see that it is there, for the first job of each rule."""

    @wraps(process)
    def remembered(processor: Any, job: Any) -> None:
        seen: set[Any] = vars(processor).setdefault("_ultraseg_seen", set())
        if job.rule in seen:
            return
        process(processor, job)
        script = getattr(job.rule, getattr(processor, "script_type", "script"), None)
        if "{" not in str(script):  # wildcards make it another script for every job
            seen.add(job.rule)

    return remembered


def _finding(contains: Callable[[Any, object], bool]) -> Callable[[Any, object], bool]:
    """The method that finds a file among those of a job, with a set for each long list.

    Snakemake searches the inputs of a job for each of its outputs that is asked for, and every slab asks for outputs of
    jobs that read all slabs.
    """
    known: dict[int, tuple[ref[Any], int, frozenset[Any]]] = {}

    @wraps(contains)
    def found(files: Any, file: object) -> bool:
        n, key = len(files), id(files)
        if n < MANY_FILES:
            return contains(files, file)
        owner, length, members = known.get(key, (None, -1, frozenset()))
        if owner is None or owner() is not files or length != n:
            members = frozenset(files)
            known[key] = ref(files, lambda _: known.pop(key, None)), n, members
        return file in members

    return found


def environment_file(workflow: Any, file: str) -> str | None:
    """The file of the conda environment of all rules, where Snakemake makes environments or looks at its style."""
    asked = {method.value for method in workflow.deployment_settings.deployment_method}
    return file if "conda" in asked or "--lint" in sys.argv else None


Asked = TypeVar("Asked", bound=Callable[..., Any])
InputFunction = Callable[[Any], Files]
ResourceFunction = Callable[[Any, int], int]


class Rules:
    """Functions for the directives of each rule."""

    def __init__(self, plan: Plan):
        self.plan = plan
        self._spec = lru_cache(REMEMBERED)(self._make_spec)
        self._cost = lru_cache(REMEMBERED_COSTS)(self._find_cost)

    def _make_spec(self, rule: str, wildcards: Wildcards) -> JobSpec:
        return BY_RULE[rule].of(self.plan, wildcards)

    def spec(self, rule: str, wildcards: Mapping[str, str]) -> JobSpec:
        """What one job reads and is told."""
        return self._spec(rule, Wildcards.of(wildcards))

    def inputs(self, rule: str) -> InputFunction:
        """For ``input: unpack(...)``: the files that a job reads, by name."""
        return _looked_up(lambda wildcards: self.spec(rule, wildcards).inputs(self.plan))

    def told(self, rule: str) -> Callable[[Any], dict[str, Any]]:
        """For ``params: job=...``: what the script is told, as ``run.job`` takes it."""
        return _looked_up(lambda wildcards: self.spec(rule, wildcards).told())

    def cost(self, rule: str, wildcards: Mapping[str, str]) -> Cost:
        """Expected time and memory of one job."""
        return self._cost(rule, Wildcards.of(wildcards))

    def _find_cost(self, rule: str, wildcards: Wildcards) -> Cost:
        return self._spec(rule, wildcards).cost(self.plan)

    def mem_mb(self, rule: str) -> ResourceFunction:
        """For ``resources: mem_mb=...``: more on every attempt, up to ``max_memory_gb``."""
        most = 1000 * self.plan.config["max_memory_gb"]

        def asked(wildcards: Any, attempt: int) -> int:
            expected = attempt * (SNAKEMAKE_MB + MEMORY_MARGIN * self.cost(rule, wildcards).mem_mb)
            return int(min(math.ceil(expected / 100) * 100, most))

        return _looked_up(asked)

    def minutes(self, rule: str) -> ResourceFunction:
        """For ``resources: runtime=...``: more on every attempt."""

        def asked(wildcards: Any, attempt: int) -> int:
            expected = self.cost(rule, wildcards).seconds / 60
            return attempt * max(LEAST_MINUTES, math.ceil(TIME_MARGIN * expected))

        return _looked_up(asked)


def _looked_up(function: Asked, bound: bool = False) -> Asked:
    """The function with its parameters noted: Snakemake would look them up anew for every job.

    bound: for a method, which is asked for as the method of an object, without the first parameter.
    """
    parameters = inspect.signature(function).parameters
    noted = dict(list(parameters.items())[1:]) if bound else parameters
    overwrite_function_params(function, noted)
    return function

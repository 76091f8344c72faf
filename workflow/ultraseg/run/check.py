"""The check before a run: every problem of configuration, files, headers and labels at once, and what the run costs."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from ultraseg.base.errors import Problems, UserError
from ultraseg.grid.paths import RESULTS
from ultraseg.plan.config import load_config, valid_parts
from ultraseg.plan.config_text import check_text
from ultraseg.plan.plan import Plan, open_volumes
from ultraseg.plan.volume import Volume
from ultraseg.predict.affinities import AffinitySource
from ultraseg.run.check_table import format_problems, print_findings
from ultraseg.run.checked import Checked
from ultraseg.run.costs import check_memory
from ultraseg.run.inputs import check_dates
from ultraseg.run.limits import unwritable

if TYPE_CHECKING:
    from ultraseg.predict.map_source import MapSource

# The variable of the environment that tells the job of the rule check: the check was made when Snakemake started.
ALREADY_CHECKED = "ULTRASEG_CHECKED"


def check_config(
    given: dict[str, Any], only: Collection[str] | None = None, files: Collection[str] = ()
) -> Checked:
    """Check a configuration and all files that it names; nothing is raised and nothing is written.

    Of a faulty configuration the sound parts are checked. only: of the user's files read just these; a run has read
    the others before. files: those of the configuration, whose text is checked.
    """
    start, problems = time.monotonic(), Problems()
    with problems.caught():
        check_text(files)
    try:
        config = load_config(given)
    except UserError as error:
        problems.add(error)
        config = valid_parts(given)
    checked = Checked(config, open_volumes(config, problems))
    if not problems.errors:
        with problems.caught():
            checked.plan = Plan(config, checked.volumes)
            check_memory(checked.plan)
    if checked.plan:
        _check_maps(checked.plan, problems, only)
    for volume in checked.volumes.values():
        if volume.phantom is None and not volume.planned:  # the workflow makes a phantom's files itself
            _check_volume(checked, volume, problems, only)
    if only is None:
        with problems.caught():
            check_dates(_all_files(checked))
    checked.problems = problems.errors
    checked.seconds = time.monotonic() - start
    return checked


def _check_volume(checked: Checked, volume: Volume, problems: Problems, only: Collection[str] | None) -> None:
    # NumPy, tifffile and pandas: a dry run of a sound configuration does without them
    from ultraseg.run.check_files import check_labels, image_problems, truth_problems

    kinds = {s: settings["kind"] for s, settings in checked.config["structures"].items()}
    checked.coverage[volume.name], in_labels = check_labels(volume, kinds, only)
    for problem in [*image_problems(volume, only), *truth_problems(volume, only), *in_labels]:
        problems.add(problem)
    checked.files += len(files_of(volume) if only is None else files_of(volume) & set(only))


def _check_maps(plan: Plan, problems: Problems, only: Collection[str] | None) -> None:
    """Look at some slices of the maps and objects of other programs; their headers were read with the plan."""
    maps, ready = _given_maps(plan)
    if not maps and not ready:
        return
    from ultraseg.predict.take_cuts import warn_of_turned_affinities  # OpenCV
    from ultraseg.predict.take_maps import check_ids, find_limits

    cells = {*plan.ready.get(plan.cells, {}).values()} if plan.cells else set()

    def look_at_ids(source: MapSource) -> None:
        check_ids(source, source in cells)

    def look_at_map(source: MapSource) -> None:
        limits = find_limits(source)
        if isinstance(source, AffinitySource):
            warn_of_turned_affinities(source, limits)

    for sources, look in ((maps, look_at_map), (ready, look_at_ids)):
        for source in sources:
            if only is None or {*source.files(source.sampled)} & {*only}:
                with problems.caught():
                    look(source)


def _given_maps(plan: Plan) -> tuple[list[MapSource], list[MapSource]]:
    """The maps of other programs, and their objects."""
    by_channel = [maps for net in plan.networks.values() for maps in net.given.values()]
    return [m for maps in by_channel for m in maps.values()], [
        m for v in plan.ready.values() for m in v.values()
    ]


def files_of(volume: Volume) -> set[str]:
    """The user's files of a volume."""
    labels = {file for structure in volume.labels for file in volume.files_of_labels(structure)}
    truth = {file for source in volume.truth.values() for file in source.files}
    return {*volume.image.files, *labels, *truth}


def _all_files(checked: Checked) -> set[str]:
    """The user's files of all volumes, and networks from elsewhere."""
    found = {file for v in checked.volumes.values() if v.phantom is None for file in files_of(v)}
    networks = checked.plan.networks.values() if checked.plan else ()
    given = (net.settings.get(key) for net in networks for key in ("model", "init_from"))
    maps, ready = _given_maps(checked.plan) if checked.plan else ([], [])
    return (
        found
        | {str(file) for file in given if file}
        | {file for m in [*maps, *ready] for file in m.files(m.sampled)}
    )


def start_check(given: dict[str, Any], rules: Collection[str], inputs: Collection[str]) -> None:
    """The check at the start of a run; ends the program with status 1 where there is a problem.

    rules, inputs: of the jobs that are about to run. Files that these jobs do not read are not checked again; the rule
    ``check`` checks everything.
    """
    asked = "check" in rules
    os.environ[ALREADY_CHECKED] = "1"
    if not asked and (problems := unwritable(rules)):
        print(f"\n{format_problems(problems)}\n", flush=True)
        sys.exit(1)
    users = {file for file in inputs if not file.startswith(f"{RESULTS}/")}
    dates = Problems()
    with dates.caught():
        check_dates(inputs)  # those of results as well: a clock may have been wrong
    if not asked and not users and not dates.errors:
        return
    checked = check_config(given, None if asked else users)
    checked.problems += dates.errors
    whole = asked or all(files_of(volume) <= users for volume in checked.volumes.values())
    print_findings(checked, tables=whole)
    if checked.problems:
        sys.exit(1)

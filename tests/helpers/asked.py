"""What a job reads, is told and costs, asked as its rule asks."""

from typing import Any

from ultraseg.jobs.spec import Files, JobSpec
from ultraseg.plan.plan import Plan
from ultraseg.run.rules import Rules


def spec(plan: Plan, rule: str, **wildcards: Any) -> Any:
    """The job of a rule; wildcards as in its file names, of volume 'a' where no volume is given."""
    found: JobSpec = Rules(plan).spec(rule, _texts(wildcards))
    return found


def files(plan: Plan, rule: str, **wildcards: Any) -> Files:
    """The files that the job of a rule reads, by name."""
    return Rules(plan).inputs(rule)(_texts(wildcards))


def _texts(wildcards: dict[str, Any]) -> dict[str, str]:
    return {"volume": "a"} | {key: str(value) for key, value in wildcards.items()}


def slabs(found: list[str], array: str, folder: str = "results/a") -> list[int]:
    """Numbers of the slabs that the files are, all of them slab files of one array, each once."""
    start = f"{folder}/{array}/c/"
    assert all(file.startswith(start) for file in found), found
    assert len(found) == len(set(found))
    chunks = [file.removeprefix(start) for file in found]
    assert len({chunk.count("/") for chunk in chunks}) <= 1
    return [int(chunk.split("/")[0]) for chunk in chunks]

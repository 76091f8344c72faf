"""Which labelled slices train, validate and test a network. Light to import: the Snakefile needs it when parsed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ultraseg.base.errors import UserError


def split_slices(
    labelled: Iterable[int],
    validation: float | Sequence[int] = 0.15,
    test: float | Sequence[int] = 0.15,
    first_slice: int = 0,
) -> dict[int, str]:
    """Split labelled slices into 'train', 'validation' and 'test', spread through the stack, ends kept for training.

    ``validation`` and ``test`` are fractions, or lists of slices that are taken as they are. With fractions, one
    slice is for training; two are train and validation; three are two and one; from four on there is a test slice.
    Lists count slices in the whole stack, where a part of it begins at ``first_slice``; ``labelled`` counts from there.
    """
    slices = sorted({int(z) for z in labelled})
    if not slices:
        raise UserError("no labelled slice is given", cure="label at least one slice of one structure")
    split = dict.fromkeys(slices, "train")
    shares = {"validation": validation, "test": test}
    for name, share in shares.items():
        for listed in () if isinstance(share, int | float) else share:
            z = listed - first_slice
            if z not in split:
                known = [labelled + first_slice for labelled in slices]
                raise UserError(f"{name} slice {listed} has no label", cure=f"choose among {known}")
            if split[z] != "train":
                raise UserError(
                    f"slice {listed} is listed for validation and for test", cure="list each slice once"
                )
            split[z] = name
    _split_by_share([z for z in slices if split[z] == "train"], len(slices), shares, split)
    if "train" not in split.values():
        raise UserError("no slice is left for training", cure="list fewer validation and test slices")
    return split


def _split_by_share(
    free: list[int], total: int, shares: Mapping[str, float | Sequence[int]], split: dict[int, str]
) -> None:
    count = {}
    for name, least in (("validation", 2), ("test", 4)):
        share = shares[name]
        wanted = share if isinstance(share, int | float) and total >= least else 0
        count[name] = max(1, round(float(wanted) * total)) if wanted > 0 else 0
    held = min(sum(count.values()), max(len(free) - 1, 0))
    inner = free[1:-1] if len(free) - 2 >= held else free[1:]
    for i in range(held):
        z = inner[int((i + 0.5) * len(inner) / held)]
        # Alternate, so that both kinds are spread through the whole stack; validation comes first.
        name = max(count, key=lambda n: count[n])
        count[name] -= 1
        split[z] = name

"""What a check found, before it has looked at anything."""

from ultraseg.run.checked import Checked


def test_nothing_is_shared_between_two_checks():
    first, second = Checked({}), Checked({})
    first.volumes["a"] = first.coverage["a"] = None
    first.problems.append(None)
    assert (second.volumes, second.coverage, second.problems, second.plan, second.files) == (
        {},
        {},
        [],
        None,
        0,
    )

"""Authors and their numbers."""

import pytest
from ultraseg.archive.people import check_authors
from ultraseg.base.errors import UserError


def test_each_author_has_a_number_of_the_right_form_or_none_has():
    check_authors(["a", "b"], [])
    check_authors(["a", "b"], ["0000-0002-1825-0097", "0000-0002-1694-233X"])
    with pytest.raises(UserError, match="1 ORCID iDs for 2 authors"):
        check_authors(["a", "b"], ["0000-0002-1825-0097"])
    with pytest.raises(UserError, match="12 is no ORCID iD"):
        check_authors(["a"], ["12"])

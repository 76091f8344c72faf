"""Definitions are whole sentences of their own, and metric names are unlike split names."""

from ultraseg.evaluate.definitions import COLUMNS, DEFINITIONS, SPLITS
from ultraseg.evaluate.score_volume import ScoredVolume, Truth, score_volume


def test_no_word_is_explained_by_the_line_above_it():
    """The report shows each definition in a row of its own."""
    for text in (*DEFINITIONS.values(), *SPLITS.values()):
        assert not text.startswith(("its ", "the same", "part given"))
        assert text == text.strip() and len(text) > 10
    assert len({*DEFINITIONS.values()}) == len(DEFINITIONS)


def test_names_of_metrics_and_splits_differ():
    assert not {*DEFINITIONS} & {*SPLITS}


def test_scores_have_the_columns_of_the_table(tmp_path):
    none = ScoredVolume(str(tmp_path), (2, 4, 4), (1, 1), {}, {}, {}, {}, None, 1, {}, 1)
    assert list(score_volume(none, Truth({}, (4, 4), [(0, 4), (0, 4)]))) == COLUMNS

"""In which precision networks compute."""

import pytest
from ultraseg.networks.precision import policy


@pytest.mark.parametrize(
    "mixed, compute, training, expected",
    [
        ("auto", None, True, "float32"),
        ("auto", 6.1, True, "float32"),
        ("auto", 7.0, True, "mixed_float16"),
        ("auto", 8.0, True, "mixed_bfloat16"),
        ("auto", 9.0, False, "mixed_float16"),
        (True, None, True, "mixed_bfloat16"),
        (True, 6.1, False, "mixed_float16"),
        (False, 9.0, True, "float32"),
    ],
)
def test_precision_follows_the_device_and_the_configuration(mixed, compute, training, expected):
    assert policy(mixed, compute, training) == expected

"""The line of an epoch is read as it was written, whatever its numbers."""

import pytest
from ultraseg.base.training_log import epoch_line, read_epoch


@pytest.mark.parametrize("seconds", [0.0, 0.1, 34.0, 9999.9, 10_000.0, 15_250.3, 1_234_567.8])
@pytest.mark.parametrize("epoch", [1, 40, 100_000])
def test_what_is_written_is_read(epoch, seconds):
    row = {"epoch": epoch, "loss": 0.12345, "val_loss": None, "dice_cells/interior": 1e-7, "seconds": seconds}
    line = epoch_line(row)
    assert read_epoch(line) == (epoch, seconds)
    assert read_epoch(f"2026-11-27 02:40:30,321 INFO {line}\n") == (epoch, seconds)


def test_the_line_is_for_people():
    row = {"epoch": 3, "loss": 0.63601, "val_loss": None, "dice_a": 0.5, "seconds": 12345.67}
    assert epoch_line(row) == "epoch 3: loss 0.636, dice_a 0.5, seconds 12345.7"
    assert epoch_line({"epoch": 1, "seconds": 2}) == "epoch 1: seconds 2.0"


@pytest.mark.parametrize(
    "line",
    [
        "",
        "INFO took 193.8 s",
        "INFO resuming after epoch 4",
        "INFO epoch 4: loss 0.2, seconds 1.5e+04",
        "epoch 4: loss 0.2",
    ],
)
def test_other_lines_are_no_epochs(line):
    assert read_epoch(line) is None

"""Checkpoints of trainings, one folder per network: the last whole epoch, from which a killed training goes on.

Imports neither Keras nor NumPy where it is not used: the Snakefile calls ``drop_finished``.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import os
import shutil
import socket
import time
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from ultraseg.base.errors import UserError
from ultraseg.base.files import whole_file, write_arrays, write_text

if TYPE_CHECKING:
    import keras

    from ultraseg.train.tiles import Tiles

log = logging.getLogger(__name__)

STATE = "state.json"
State = dict[str, Any]  # what the file holds


def fingerprint(tiles_file: str | Path, settings: Mapping[str, Any]) -> str:
    """Hash of the tiles and of all settings of a training: only the training with the same hash may be continued."""
    return file_hash(tiles_file, json.dumps(settings, sort_keys=True))


def file_hash(path: str | Path, text: str = "") -> str:
    """Hash of a text and of the content of a file."""
    digest = hashlib.blake2b(text.encode(), digest_size=16)
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 22), b""):
            digest.update(block)
    return digest.hexdigest()


def load_state(folder: Path, wanted: str) -> tuple[State, keras.Model | None]:
    """State and model after the last whole epoch of the training with the fingerprint ``wanted``.

    A new state and None where there is none; a checkpoint of another training is removed. Raises UserError for a
    damaged one.
    """
    file = folder / STATE
    if file.exists():
        try:
            state = json.loads(file.read_text())
            if state["fingerprint"] == wanted:
                model = _load_model(folder / state["model"])
                log.info("resuming after epoch %d", state["epoch"])
                return state, model
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise _damaged(folder, error) from error
        log.info("settings or tiles changed: training starts anew")
        file.unlink()  # first: without it the rest is no checkpoint
        shutil.rmtree(folder)
    folder.mkdir(parents=True, exist_ok=True)
    return {"fingerprint": wanted, "epoch": 0, "seconds": 0.0, "history": [], "best": None}, None


def _damaged(folder: Path, error: Exception) -> UserError:
    return UserError(
        f"{folder}: the checkpoint of the training is damaged ({error})",
        f"Delete {folder} and run snakemake again: this training starts anew.",
    )


def _load_model(file: Path) -> keras.Model:
    import keras

    import ultraseg.train.optimizers  # noqa: F401  registers them for loading
    from ultraseg.train.losses import loss_by_name

    loss_by_name("soft_dice"), loss_by_name("dice_cross_entropy")  # registers them for loading
    return keras.saving.load_model(file)


def save_state(folder: Path, state: State, model: keras.Model) -> None:
    """Write the epoch's files under new names, then the state that names them, then drop the older ones."""
    epoch = state["epoch"]
    state["model"] = f"epoch_{epoch:05d}.keras"
    with whole_file(folder / state["model"]) as part:
        model.save(part)
    if state["best"]["epoch"] == epoch:
        # Not Keras' own file of weights: HDF5 crashes on a full disk, and asks for locks that some disks do not have.
        state["best_weights"] = f"best_{epoch:05d}.npz"
        values = {str(i): value for i, value in enumerate(model.get_weights())}
        write_arrays(folder / state["best_weights"], **values)
    write_text(folder / STATE, json.dumps(state, indent=1))
    for file in folder.iterdir():
        if file.name not in (state["model"], state["best_weights"], state.get("taught"), STATE):
            file.unlink(missing_ok=True)


def save_taught(folder: Path, state: State, tiles: Tiles) -> None:
    """Write what snapshots of the training say of tiles without labels; the next ``save_state`` names the file."""
    state["taught"] = f"taught_{state['epoch']:05d}.npz"
    write_arrays(folder / state["taught"], target=tiles.target, weight=tiles.weight)


def load_taught(folder: Path, state: State, tiles: Tiles) -> Tiles | None:
    """The tiles with what snapshots said of them; None where there was none. Raises UserError for a damaged file."""
    import numpy as np

    if "taught" not in state:
        return None
    try:
        with np.load(folder / state["taught"]) as arrays:
            return replace(tiles, target=arrays["target"], weight=arrays["weight"])
    except MemoryError:
        raise
    except Exception as error:  # NumPy and zipfile raise errors of many kinds on damaged files
        raise _damaged(folder, error) from error


def load_best(folder: Path, state: State, model: keras.Model) -> None:
    """Give a model the weights of the best epoch. Raises UserError for a damaged file."""
    import numpy as np

    file = folder / state["best_weights"]
    try:
        with np.load(file) as arrays:
            values = [arrays[str(i)] for i in range(len(model.get_weights()))]
    except MemoryError:
        raise
    except Exception as error:  # NumPy and zipfile raise errors of many kinds on damaged files
        raise _damaged(folder, error) from error
    model.set_weights(values)


def mark_finished(folder: Path, state: State) -> None:
    """Say that the training is over: a run that was cut off before it knew so takes the network from here."""
    write_text(folder / STATE, json.dumps(state | {"finished": True}, indent=1))


def drop_finished(folder: str, models: str) -> None:
    """Remove the checkpoints of networks that are trained and written to ``models``; for the end of a whole run.

    So a training that is forced by hand later begins anew.
    """
    for file in Path(folder).glob(f"*/{STATE}"):
        if (
            json.loads(file.read_text()).get("finished")
            and Path(models, f"{file.parent.name}.keras").exists()
        ):
            file.unlink()
            shutil.rmtree(file.parent)
            _lock_of(file.parent).unlink(missing_ok=True)


def hold(folder: str | Path, wait: float = 5.0) -> TextIO:
    """Hold a training's folder for this process until it ends; while another process has it, wait.

    Where Snakemake was killed, its training may live on. The lock belongs to the process and ends with the process, so
    nobody has to remove it. Looks every ``wait`` seconds. Returns the open lock file.
    """
    path = _lock_of(Path(folder))
    path.parent.mkdir(parents=True, exist_ok=True)
    file, told = open(path, "a+"), False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except BlockingIOError:
            if not told:
                file.seek(0)
                log.warning(
                    "%s is being trained by %s already: waiting for it", folder, file.read() or "another job"
                )
            told = True
            time.sleep(wait)
        except OSError as error:
            log.warning(
                "%s: no locks on this file system (%s); start no second training by hand", path, error
            )
            break
    file.truncate(0)
    file.write(f"process {os.getpid()} on {socket.gethostname()}")
    file.flush()
    return file


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")

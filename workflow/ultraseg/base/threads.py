"""Work of one stage done in a thread of its own while the next stage works on what came before."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from typing import TypeVar

Item = TypeVar("Item")
POLL = 0.05  # seconds after which a full queue looks whether anybody still wants its items


def ahead(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """Compute an iterable in a thread, up to ``depth`` items before they are asked for; its errors are raised here.

    When the consumer ends early, the thread ends by itself after the item that it works on.
    """
    queue: Queue = Queue(depth)
    unwanted = threading.Event()

    def put(kind: str, value) -> bool:
        while not unwanted.is_set():
            try:
                queue.put((kind, value), timeout=POLL)
                return True
            except Full:
                continue
        return False

    def work() -> None:
        source = iter(items)
        try:
            for item in source:
                if not put("item", item):
                    break
            else:
                put("end", None)
        except BaseException as error:
            put("error", error)
        finally:
            if hasattr(source, "close"):
                source.close()  # a generator has stages of its own to end

    threading.Thread(target=work, daemon=True).start()
    try:
        while True:
            kind, value = queue.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        # The thread is not waited for. Python may run this in any thread, when it collects a generator that nobody
        # closed: in the one that reads Zarr, say, for which our thread waits; or when no thread runs any more.
        unwanted.set()
        while True:
            try:
                queue.get_nowait()
            except Empty:
                break

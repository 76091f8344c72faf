"""One stage of work runs in a thread of its own while the next stage works on earlier items."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from queue import Empty, Full, Queue
from typing import Any, Generic, Literal, TypeVar

Item = TypeVar("Item")
Kind = Literal["item", "error", "end"]
POLL = 0.05  # seconds after which a thread that waits for room in the queue looks whether its items are still wanted


class _Handover(Generic[Item]):
    """The queue between the thread that computes items and the consumer, which may leave before the last item."""

    def __init__(self, depth: int) -> None:
        self._queue: Queue[tuple[Kind, Any]] = Queue(depth)
        self._unwanted = threading.Event()

    def fill(self, items: Iterable[Item]) -> None:
        """Compute the items one after another until the last one, an error, or the end of the consumer."""
        source = iter(items)
        try:
            for item in source:
                if not self._put("item", item):
                    break
            else:
                self._put("end", None)
        except BaseException as error:
            self._put("error", error)
        finally:
            if hasattr(source, "close"):
                source.close()  # a generator may have stages of its own to end

    def _put(self, kind: Kind, value: object) -> bool:
        """Wait for room in the queue; False where the consumer has left."""
        while not self._unwanted.is_set():
            try:
                self._queue.put((kind, value), timeout=POLL)
                return True
            except Full:
                continue
        return False

    def items(self) -> Iterator[Item]:
        """The items in order. Raises the error that ended their computation."""
        while True:
            kind, value = self._queue.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value

    def leave(self) -> None:
        """Tell the thread that no more items are wanted, without waiting for the thread."""
        self._unwanted.set()
        while True:
            try:
                self._queue.get_nowait()
            except Empty:
                break


def run_ahead(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """Compute an iterable in a thread, up to ``depth`` items before the consumer asks for them.

    An error of the iterable is raised to the consumer, after the items that came before the error. When the consumer
    ends early, the thread ends by itself after the item that the thread works on.
    """
    handover: _Handover[Item] = _Handover(depth)
    threading.Thread(target=handover.fill, args=(items,), daemon=True).start()
    try:
        yield from handover.items()
    finally:
        # The thread is not waited for. Python may run this line in any thread, when it collects a generator that
        # nobody closed: in the thread that reads Zarr, say, for which our thread waits; or when no thread runs any
        # more.
        handover.leave()

"""Reading ahead: the next batches are made in a thread while the current one is worked on."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class _End:
    """What the thread sends last: why it stopped, None where the iterable just ended."""

    error: BaseException | None


def prefetched(iterable: Iterable[Item], depth: int = 2) -> Iterator[Item]:
    """Yield the items of an iterable that a background thread works ahead on.

    The thread starts with the first item asked for. It ends, and the iterable is closed, when
    the items do, when one raises, or when the consumer stops early (``break``, an exception,
    ``close()``).

    Parameters
    ----------
    iterable : iterable
        It is advanced in the other thread only.
    depth : int
        Items that may wait, beside the one being made: the memory this costs.

    Yields
    ------
    object
        The items in order.

    Raises
    ------
    ValueError
        If the depth is less than 1.
    Exception
        Whatever the iterable raises, after the items before it.
    """
    if depth < 1:
        raise ValueError(f"depth must be at least 1, got {depth}")
    return _consume(iterable, depth)


def _consume(iterable: Iterable[Item], depth: int) -> Iterator[Item]:
    waiting: queue.Queue[Any] = queue.Queue(depth)
    stopped = threading.Event()
    thread = threading.Thread(
        target=_produce, args=(iterable, waiting, stopped), name="gasnet3-prefetch", daemon=True
    )
    thread.start()
    try:
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        while thread.is_alive():
            # It may wait for room.
            with suppress(queue.Empty):
                waiting.get_nowait()
            thread.join(0.01)


def _produce(iterable: Iterable[Any], waiting: queue.Queue[Any], stopped: threading.Event) -> None:
    error: BaseException | None = None
    try:
        iterator = iter(iterable)
        try:
            for item in iterator:
                if stopped.is_set():
                    return
                waiting.put(item)
        finally:
            close = getattr(iterator, "close", None)
            if close is not None:
                close()
    # Everything is the consumer's to see: nobody looks at what a thread raises.
    except BaseException as raised:
        error = raised
    waiting.put(_End(error))

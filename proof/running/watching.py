"""What the kernel saw: files below a folder that any process opened, native code and other languages included.

Linux only (inotify). Elsewhere nothing is seen, and what Python itself reads must do.
"""

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Self

OPENED, IS_FOLDER, OVERFLOW = 0x20, 0x40000000, 0x4000
EVENT = struct.Struct("iIII")


class Watch:
    """Collects lines as tracing.py writes them for some folders below one, from entering to leaving.

    `drain` it often enough for the kernel's queue.
    """

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self._folder = folder
        self._names = names
        self._folders: dict[int, str] = {}
        self._queue = -1
        self.lines: set[str] = set()

    def __enter__(self) -> Self:
        if sys.platform != "linux":
            return self
        libc = ctypes.CDLL(None, use_errno=True)
        self._queue = libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._queue < 0:
            raise OSError(
                ctypes.get_errno(), "inotify_init1 failed; /proc/sys/fs/inotify/max_user_instances may be used up"
            )
        for name in self._names:
            path = self._folder / name
            number = libc.inotify_add_watch(self._queue, os.fsencode(path), OPENED)
            if number < 0:
                raise OSError(ctypes.get_errno(), "inotify cannot watch", str(path))
            self._folders[number] = "" if name == "." else f"{name}/"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.drain()
        if self._queue >= 0:
            os.close(self._queue)
            self._queue = -1

    def drain(self) -> None:
        """Take what has been seen so far."""
        while self._queue >= 0:
            try:
                chunk = os.read(self._queue, 1 << 16)
            except OSError as error:
                if error.errno == errno.EAGAIN:
                    return
                raise
            self.lines.update(self._events(chunk))

    def _events(self, chunk: bytes) -> Iterator[str]:
        place = 0
        while place < len(chunk):
            number, mask, _, size = EVENT.unpack_from(chunk, place)
            name = os.fsdecode(chunk[place + EVENT.size : place + EVENT.size + size].rstrip(b"\0"))
            place += EVENT.size + size
            if mask & OVERFLOW:
                yield "all"
            elif mask & OPENED and not mask & IS_FOLDER and number in self._folders:
                yield f"file {self._folders[number]}{name}"

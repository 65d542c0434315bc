"""Writes what was answered into the audit log, beside the answers."""

import logging
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, ContextVar
from datetime import UTC, datetime
from hashlib import sha256
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from ..deferred import Batch
from ..gauges import Gauge
from ..model_folder import ModelFolder
from ..observer import Scored
from ..settings import Settings
from . import contents
from .chain import Chain
from .entries import (
    Answered,
    Begun,
    Closed,
    Followed,
    Gap,
    Model,
    Refused,
    Why,
    encode,
    ids_of,
)
from .key import digest, read_key
from .segment import ChangedError

logger = logging.getLogger(__name__)

PACKAGE = "__package__"

RETRY_S = 5.0
"""What could not be written is tried again so often."""

QUIET_S = 60.0
"""A log that cannot be written is told of at most once in so many seconds."""

MOST_BYTES_HELD = 50_000_000
"""While the log cannot be written so much is kept for later; what comes then becomes a gap."""


class AuditLog:
    """A bulk observer that makes an entry of each call.

    An entry is on the disk when `observe` returns, unless the disk refuses it: then it is kept, and
    tried again. `caller` names who asked, in the context of a call; without it nobody is named.
    With `waits`, `observe` returns when the entries are on the disk, or the patience is at an end.
    Raises OSError or ValueError when the folder or the key cannot be used.
    """

    def __init__(
        self,
        settings: Settings,
        folder: ModelFolder,
        gauges: list[Gauge],
        caller: ContextVar[str] | None = None,
        *,
        waits: bool = False,
    ) -> None:
        self._waits = waits and settings.audit_required
        self._caller = caller
        self._folder = settings.audit_dir
        self._patience_s = settings.audit_patience_s if settings.audit_required else float("inf")
        self._head_every_s = settings.audit_head_every_s
        self._is_on = settings.audit
        key_file = settings.audit_key_file if settings.audit else None
        self._key = read_key(key_file) if key_file else None
        self._model = model_of(folder)
        self._chain = Chain(
            self._folder, settings.audit_segment_mb * 1_000_000, self._key, self._beginning
        )
        self._held: list[bytes] = []
        self._held_bytes = 0
        self._held_rows = 0
        self._refused: Counter[str] = Counter()
        self._gaps: dict[Why, int] = {}
        self._failing_since: float | None = None
        self._writing_since: float | None = None
        self._quiet_until = 0.0
        self._told_head = ""
        self._told_at = 0.0
        self._told_file = ("", 0)
        self._working = threading.Lock()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self.written = 0
        """Entries on the disk."""
        self.lost = 0
        """Rows that were answered and have no entry."""
        self.touched = 0
        """How often a file was not as it was left."""
        if self._is_on:
            try:
                _check(self._folder)
            except OSError as error:
                if settings.audit_required:
                    raise
                logger.warning("%s; the service answers all the same", error)
        else:
            logger.warning("nothing that is answered is recorded: SERVICE_AUDIT is off")
        gauges += (
            Gauge(
                "audit_entries_total",
                "Entries of the audit log that are on the disk",
                lambda: self.written,
                total=True,
            ),
            Gauge(
                "audit_rows_lost_total",
                "Rows that were answered and have no entry in the audit log",
                lambda: self.lost,
                total=True,
            ),
            Gauge(
                "audit_touched_total",
                "How often somebody else had changed the audit log while it was written",
                lambda: self.touched,
                total=True,
            ),
            Gauge(
                "audit_overdue_seconds",
                "For so long entries of the audit log could not be written; or 0",
                self.overdue_s,
            ),
            Gauge(
                "audit_hinders",
                "1 while answers cannot be recorded, so that the service is not ready; else 0",
                lambda: self.overdue_s() > self._patience_s,
                hinders=True,
            ),
        )

    def overdue_s(self) -> float:
        """For so long nothing could be written; 0 when it can."""
        since = self._failing_since or self._writing_since
        return 0.0 if since is None else time.monotonic() - since

    def observe(self, batch: Batch) -> None:
        """Write the entries of a batch."""
        if not self._is_on:
            return
        if not self._waits:
            self._observe(batch)
            return
        # A signal that ends a run raises in the run's own thread: there it would tear a write.
        with ThreadPoolExecutor(1, "audit") as writing:
            writing.submit(self._observe, batch).result()

    def _observe(self, batch: Batch) -> None:
        with self._working:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="audit", daemon=True)
                self._thread.start()
            for call, context in zip(batch.calls, batch.contexts, strict=True):
                self._hold(call, context)
            self._refused.update(batch.refused)
            if batch.dropped:
                self._lose(batch.dropped, "overload")
            self._flush()
            while self._waits and 0 < self.overdue_s() <= self._patience_s:
                time.sleep(min(RETRY_S, self._patience_s / 10))
                self._flush()

    def close(self) -> None:
        """Write what is held, and end the chain; what cannot be written now is lost."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        with self._working:
            self._flush()
            if self._held or self._gaps:
                # What a run could not record it does not publish: then nothing was answered.
                self.lost += 0 if self._waits else self._held_rows
                logger.error(
                    "the audit log ends without its last entries: it cannot be written",
                    extra={
                        "head": self._chain.head,
                        "entries": len(self._held),
                        "rows": self._held_rows,
                        "gaps": self._gaps,
                    },
                )
            elif self._chain.segment:
                self._held = [encode(Closed(time=_now()))]
                self._flush()
                self._tell_head()
            self._chain.close()

    def _run(self) -> None:
        """Try again what failed, and tell the head now and then."""
        while not self._ended.wait(min(RETRY_S, self._head_every_s)):
            with self._working:
                self._flush()
                if time.monotonic() - self._told_at >= self._head_every_s:
                    self._tell_head()

    def _hold(self, call: Scored, context: Context) -> None:
        """Keep the entry of a call for the next write."""
        rows = len(call.predictions)
        if self._held_bytes >= MOST_BYTES_HELD:
            self._lose(rows, "unwritable")
            return
        try:
            entry = encode(self._answered(call, context))
        except Exception:
            # Whatever it is, what was answered must not be missing in silence.
            self._lose(rows, "defect")
            logger.exception("an answer has no entry in the audit log")
            return
        self._held.append(entry)
        self._held_bytes += len(entry)
        self._held_rows += rows

    def _lose(self, rows: int, why: Why) -> None:
        self.lost += rows
        self._gaps[why] = self._gaps.get(why, 0) + rows

    def _answered(self, call: Scored, context: Context) -> Answered:
        rows = len(call.predictions)
        return Answered(
            time=datetime.fromtimestamp(call.time, UTC),
            request=call.request_id,
            caller="" if self._caller is None else context.get(self._caller, ""),
            ids=ids_of(call.ids) if call.ids else [(call.id, 0, rows - 1)],
            rows=rows,
            version=call.version,
            inputs=digest(contents.inputs(call.columns), self._key),
            predictions=digest(contents.predictions(call.predictions), self._key),
        )

    def _flush(self) -> None:
        """Write what is held, then what was refused or lost; or keep all, and say so."""
        now = _now()
        counts = [encode(Gap(time=now, rows=rows, why=why)) for why, rows in self._gaps.items()]
        if self._refused:
            counts.insert(0, encode(Refused(time=now, reasons=self._refused)))
        if not self._held and not counts:
            return
        # A volume that is away may neither take nor refuse: whoever waits for it is overdue, too.
        self._writing_since = time.monotonic()
        try:
            self._chain.add([*self._held, *counts])
        except OSError as error:
            self._tell_failure(error)
            return
        finally:
            self._writing_since = None
        self.written += len(self._held) + len(counts)
        self._held, self._held_bytes, self._held_rows = [], 0, 0
        self._refused, self._gaps = Counter(), {}
        if self._failing_since is not None:
            logger.warning("the audit log is written again", extra={"after_s": self.overdue_s()})
            self._failing_since, self._quiet_until = None, 0.0
        if (self._chain.name, self._chain.segment) != self._told_file:
            self._tell_head()

    def _tell_failure(self, error: OSError) -> None:
        now = time.monotonic()
        if self._failing_since is None:
            self._failing_since = now
        is_touched = isinstance(error, ChangedError)
        self.touched += is_touched
        if is_touched or now >= self._quiet_until:
            self._quiet_until = now + QUIET_S
            logger.error("the audit log in %s cannot be written: %s", self._folder, error)
        if is_touched:
            self._tell_head()

    def _tell_head(self) -> None:
        """Into the log of the service, which leaves the machine: it proves all entries so far."""
        self._told_at = time.monotonic()
        self._told_file = (self._chain.name, self._chain.segment)
        if self._chain.head != self._told_head and self._chain.name:
            self._told_head = self._chain.head
            logger.info("audit head", extra={"head": self._told_head})

    def _beginning(self, chain: str, follows: Sequence[Followed]) -> Begun:
        return Begun(
            time=_now(),
            chain=chain,
            host=socket.gethostname(),
            process=os.getpid(),
            package=_package(),
            code=_code(),
            model=self._model,
            key=self._key.name if self._key else "",
            follows=follows,
        )


def model_of(folder: ModelFolder) -> Model:
    """The model in a folder."""
    signature = folder.read_signature()
    content = folder.model.read_bytes() + folder.signature.read_bytes()
    return Model(signature.name, signature.version, sha256(content).hexdigest())


def _check(folder: Path) -> None:
    """Raises OSError when nothing can be written there."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(f"the audit log cannot be written: SERVICE_AUDIT_DIR: {error}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise PermissionError(
            f"the audit log cannot be written: SERVICE_AUDIT_DIR={folder} takes no files"
        )


def _now() -> datetime:
    return datetime.now(UTC)


def _package() -> str:
    try:
        return f"{PACKAGE} {version(PACKAGE)}"
    except PackageNotFoundError:
        return PACKAGE


def _code() -> str:
    """A hash of this package's source."""
    root = Path(__file__).parents[1]
    paths = sorted(root.rglob("*.py"))
    return sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()

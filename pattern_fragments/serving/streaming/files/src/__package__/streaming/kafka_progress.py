"""How far a consumer is in a partition of Kafka, and what it notes for whoever comes after it.

Kafka counts no deliveries: a group that crashes over one event would crash over it for ever. So
each committed offset carries a note, in the metadata that Kafka keeps with it: how many consumers
have begun at this offset, and up to which offset every event is suspect because a consumer died
near it. Suspects are handed out one by one, and each is committed before the next one is tried. So
after some more crashes the culprit stands at the committed offset, and its count is exact.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

SPAN = 1024
"""After a crash so many events are suspect: a consumer has seldom more of a partition in flight."""


@dataclass(slots=True)
class Progress:
    """One partition, from its assignment to its revocation."""

    next: int
    """The offset to commit: everything before it is finished."""
    begun: int
    """How many consumers have handed out the event at `next`, this one included."""
    suspect_until: int
    """Events before this offset may have ended a consumer."""
    _handed_out: deque[int] = field(default_factory=deque)
    _finished: set[int] = field(default_factory=set)

    @classmethod
    def begin(cls, start: int, note: str) -> "Progress":
        """Go on at a committed offset, with the note of whoever committed it."""
        begun, _, until = note.partition(":")
        before = int(begun) if begun.isdigit() else 0
        suspect_until = int(until) if until.isdigit() else 0
        if before and suspect_until <= start:
            suspect_until = start + SPAN
        return cls(start, before + 1, suspect_until)

    def is_suspect(self, offset: int) -> bool:
        """Whether this event is to be tried alone."""
        return offset < self.suspect_until

    def is_careful(self) -> bool:
        """Whether each event must be committed before the next one is tried."""
        return self.next < self.suspect_until

    def handed_out(self, offset: int) -> int:
        """Note that an event is in flight; how many times it was delivered, as far as is known."""
        begun = 1 if self._handed_out else self.begun
        self._handed_out.append(offset)
        return max(begun, 2) if self.is_suspect(offset) else begun

    def finish(self, offsets: Iterable[int]) -> bool:
        """These events are finished; whether `next` has moved."""
        self._finished.update(offsets)
        before = self.next
        while self._handed_out and self._handed_out[0] in self._finished:
            offset = self._handed_out.popleft()
            self._finished.discard(offset)
            self.next = offset + 1
        if self.next != before:
            self.begun = 1
        return self.next != before

    def note(self) -> str:
        """What a consumer that begins here after a crash must know."""
        return f"{self.begun}:{self.suspect_until}"

    def farewell(self) -> str:
        """The same when this consumer leaves in order."""
        return f"{self.begun - 1}:{self.suspect_until}"

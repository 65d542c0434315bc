"""HTTP/1.1 messages on streams: as much of it as the load and the splitter need.

A message has a body of a stated length. That is what the service sends, and what the load sends.
"""

import asyncio
from dataclasses import dataclass

END = b"\r\n\r\n"


class NoAnswer(Exception):  # noqa: N818 - what became of a request
    """The other side closed the connection where an answer was to come."""


@dataclass(frozen=True, slots=True)
class Message:
    """A request or an answer: its first line, its headers with lower-case names, its body."""

    start: bytes
    headers: list[tuple[bytes, bytes]]
    body: bytes

    @property
    def status(self) -> int:
        """Of an answer."""
        return int(self.start.split(b" ", 2)[1])

    @property
    def is_last(self) -> bool:
        """Whether its connection ends after it."""
        return (b"connection", b"close") in self.headers

    def with_connection(self, option: bytes) -> "Message":
        """The same, with this word about its connection."""
        others = [row for row in self.headers if row[0] != b"connection"]
        return Message(self.start, [*others, (b"connection", option)], self.body)

    def encode(self) -> bytes:
        """As it is sent."""
        lines = [self.start, *(b"%b: %b" % row for row in self.headers)]
        return b"\r\n".join(lines) + END + self.body


async def read_message(reader: asyncio.StreamReader) -> Message | None:
    """The next message; None when the connection ends before it begins.

    Raises NoAnswer when it ends within, ValueError when the length of the body is not stated.
    """
    try:
        head = await reader.readuntil(END)
        start, *lines = head[: -len(END)].split(b"\r\n")
        headers = [_header(line) for line in lines]
        if any(name == b"transfer-encoding" for name, _ in headers):
            raise ValueError("a message in chunks is not understood here")
        length = sum(int(value) for name, value in headers if name == b"content-length")
        return Message(start, headers, await reader.readexactly(length))
    except asyncio.IncompleteReadError as error:
        if error.partial or error.expected is not None:
            raise NoAnswer from error
        return None


def _header(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b":")
    return name.lower(), value.strip()


async def ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: Message
) -> Message:
    """Send a request, and read its answer; raises NoAnswer or OSError when none comes."""
    writer.write(request.encode())
    await writer.drain()
    answer = await read_message(reader)
    if answer is None:
        raise NoAnswer
    return answer

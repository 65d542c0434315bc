"""Callers: one request after the other, at a steady rate, whatever becomes of those before."""

import argparse
import asyncio
import math
import threading
import time
from collections.abc import Callable, Mapping
from itertools import count
from types import TracebackType
from urllib.parse import urlsplit

import msgspec

from ..domain.features import OUTPUT
from .answers import Answer
from .background import Background
from .exchange import Message, NoAnswer, ask
from .traffic import Traffic

TIMEOUT_S = 10.0
"""Whoever waits longer has given up: no answer came."""

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


def given_number(text: str) -> float:
    """The number above 0 that an argument of a command names; argparse shows the error."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 < number < math.inf:
        raise argparse.ArgumentTypeError(f"must be a number above 0, not {text}")
    return number


def no_headers(_row: int) -> Mapping[str, str]:
    """Nothing beside the row."""
    return {}


class Load:
    """Asks about the rows of the traffic in order, over and over, from `start` until `stop`.

    Open loop: a slow answer does not slow the sending. `headers` gives what is sent beside a row,
    by its number in the traffic. As a block it starts and stops by itself.
    """

    def __init__(
        self,
        url: str,
        traffic: Traffic,
        rate_per_s: float,
        headers: Callable[[int], Mapping[str, str]] = no_headers,
    ) -> None:
        self.answers: list[Answer] = []
        """In the order in which they came; grows while the load runs."""
        self._place = urlsplit(url)
        self._rows = traffic.rows
        self._rate_per_s = rate_per_s
        self._headers = headers
        self._idle: list[Connection] = []
        self._is_over = threading.Event()

    def start(self) -> None:
        """Begin to send."""
        self._background = Background("load")
        self._sending = self._background.start(self._send())

    def stop(self) -> None:
        """Send no more, and wait for the answers that are still to come."""
        self._is_over.set()
        try:
            self._sending.result()
        finally:
            self._background.end()

    def __enter__(self) -> "Load":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    async def _send(self) -> None:
        started = time.monotonic()
        pending: set[asyncio.Task[None]] = set()
        for number in count():
            due = started + number / self._rate_per_s
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            if self._is_over.is_set():
                break
            task = asyncio.create_task(self._ask(number % len(self._rows)))
            pending.add(task)
            task.add_done_callback(pending.discard)
        await asyncio.gather(*pending)
        for _, writer in self._idle:
            writer.close()

    async def _ask(self, row: int) -> None:
        sent_at = time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                message = await self._exchange(self._request(row))
        except (NoAnswer, OSError):
            self.answers.append(Answer(row, sent_at, time.monotonic() - sent_at, status=0))
            return
        latency_s = time.monotonic() - sent_at
        self.answers.append(_answer(row, sent_at, latency_s, message))

    def _request(self, row: int) -> Message:
        body = msgspec.json.encode(self._rows[row])
        headers = {
            "host": self._place.netloc,
            "content-type": "application/json",
            "content-length": str(len(body)),
            **self._headers(row),
        }
        fields = [(name.encode(), value.encode()) for name, value in headers.items()]
        return Message(b"POST /predict HTTP/1.1", fields, body)

    async def _exchange(self, request: Message) -> Message:
        """Ask over a connection that is idle, or over a new one."""
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof():
                break
            writer.close()
        else:
            reader, writer = await asyncio.open_connection(self._place.hostname, self._place.port)
        try:
            answer = await ask(reader, writer, request)
        except BaseException:
            writer.close()
            raise
        if answer.is_last:
            writer.close()
        else:
            self._idle.append((reader, writer))
        return answer


class _Prediction(msgspec.Struct, rename={"value": OUTPUT.name}):
    prediction_id: str
    value: float


class _Body(msgspec.Struct):
    model_version: str
    predictions: tuple[_Prediction]


def _answer(row: int, sent_at: float, latency_s: float, message: Message) -> Answer:
    if message.status != 200:
        return Answer(row, sent_at, latency_s, message.status)
    body = msgspec.json.decode(message.body, type=_Body)
    [prediction] = body.predictions
    return Answer(
        row,
        sent_at,
        latency_s,
        message.status,
        body.model_version,
        prediction.value,
        prediction.prediction_id,
    )

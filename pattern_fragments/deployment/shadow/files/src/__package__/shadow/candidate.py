"""The candidate, asked over HTTP: the Open Inference Protocol, many rows in one request.

https://github.com/kserve/open-inference-protocol/blob/main/specification/protocol/inference_rest.md
"""

import socket
import threading
from collections.abc import Mapping
from contextlib import suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple
from urllib.parse import urlsplit

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..columns import Columns
from ..signature import Input, Signature

CONNECTIONS = {"http": HTTPConnection, "https": HTTPSConnection}

BAD_REQUEST = 400

MOST_BYTES = 16 * 1024 * 1024
"""No answer is as large; of a larger one no more is read."""

DATATYPES = {"category": "BYTES", "number": "FP64", "timestamp": "BYTES"}


class CandidateError(Exception):
    """The candidate gave no answer, or none that can be used; the message says why."""


class RefusedError(CandidateError):
    """The candidate refuses the request as it is, because of one of its rows at least."""


class Answers(NamedTuple):
    """What the candidate predicts for n rows."""

    version: str
    predictions: NDArray[np.float32]
    """float32[n], finite."""


class Candidate:
    """Asks over one connection that is kept; one thread at a time."""

    def __init__(
        self, url: str, signature: Signature, timeout_s: float, headers: Mapping[str, str]
    ) -> None:
        """Raises ValueError when `url` is no address of a service."""
        parts = urlsplit(url)
        if parts.scheme not in CONNECTIONS or not parts.hostname:
            raise ValueError(f"SERVICE_SHADOW_URL={url} is no address such as http://host:8080")
        self._inputs = signature.inputs
        self._path = f"{parts.path.rstrip('/')}/v2/models/{signature.name}/infer"
        self._timeout_s = timeout_s
        self._headers = {**headers, "Content-Type": "application/json"}
        self._connection = CONNECTIONS[parts.scheme](parts.hostname, parts.port, timeout=timeout_s)
        self._socket: socket.socket | None = None

    def ask(self, columns: Columns, rows: int) -> Answers:
        """The predictions of n rows without unknown categories.

        Raises CandidateError, and RefusedError when the same rows would be refused again.
        """
        body = msgspec.json.encode(
            {
                "inputs": [
                    {
                        "name": column.name,
                        "shape": [rows],
                        "datatype": DATATYPES[column.type],
                        "data": _values(column, columns),
                    }
                    for column in self._inputs
                ]
            }
        )
        try:
            return _answers(self._exchange(body), rows)
        except BaseException:
            self._connection.close()
            raise

    def abort(self) -> None:
        """End what is under way, from another thread."""
        if self._socket is not None:
            with suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let the connection go; nothing may be under way."""
        self._connection.close()

    def _exchange(self, body: bytes) -> bytes:
        # The socket's own timeout is one for each piece: who drips would never reach it.
        deadline = threading.Timer(self._timeout_s, self.abort)
        deadline.daemon = True
        try:
            if self._connection.sock is None:
                self._connection.connect()
            self._socket = self._connection.sock
            deadline.start()
            self._connection.request("POST", self._path, body, self._headers)
            response = self._connection.getresponse()
            text: bytes = response.read(MOST_BYTES)
        except (OSError, HTTPException) as error:
            raise CandidateError(f"{type(error).__name__}: {error}") from error
        finally:
            deadline.cancel()
        if response.status != 200:
            said = text[:200].decode(errors="replace")
            kind = RefusedError if response.status == BAD_REQUEST else CandidateError
            raise kind(f"it answers with status {response.status}: {said}")
        return text


class _Tensor(msgspec.Struct):
    data: list[float]


class _Body(msgspec.Struct):
    model_version: str
    outputs: list[_Tensor]


def _answers(text: bytes, rows: int) -> Answers:
    try:
        body = msgspec.json.decode(text, type=_Body)
    except msgspec.MsgspecError as error:
        raise CandidateError(f"its answer cannot be read: {error}") from error
    with np.errstate(over="ignore"):
        predictions = np.array([one for each in body.outputs for one in each.data], np.float32)
    if len(predictions) != rows or not np.isfinite(predictions).all():
        raise CandidateError(f"its answer holds no number for each of {rows} rows")
    return Answers(body.model_version, predictions)


def _values(column: Input, columns: Columns) -> list[object]:
    """Encoded values as a caller would send them."""
    values = columns[column.name]
    if column.type == "category":
        values = np.array(column.categories, object)[values]
    elif column.type == "timestamp":
        values = np.datetime_as_string(values.astype("datetime64[s]"), timezone="UTC")
    plain: list[object] = values.tolist()
    return plain

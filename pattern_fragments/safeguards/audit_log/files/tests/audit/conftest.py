"""Small logs, and what is written into them; no service is needed for that."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from __package__.audit.chain import Chain
from __package__.audit.entries import (
    Answered,
    Begun,
    Closed,
    Model,
    encode,
)
from __package__.audit.key import Key
from __package__.audit.observer import AuditLog
from __package__.deferred import Batch
from __package__.gauges import Gauge
from __package__.model_folder import ModelFolder
from __package__.observer import Scored
from __package__.settings import Settings
from __package__.signature import Input, Output, Signature

NOON = datetime(2013, 7, 1, 12, tzinfo=UTC)

SIGNATURE = Signature(
    name="model",
    version="v1",
    inputs=(
        Input(name="kind", type="category", description="k", example="a", categories=("a", "b")),
        Input(name="size", type="number", description="s", example=1.5, personal=True),
    ),
    features=("size",),
    output=Output("p", "A probability"),
)

SECRET = b"0123456789abcdef0123456789abcdef"


def scored(rows: int = 2, number: int = 0, version: str = "v1") -> Scored:
    """A call of so many rows."""
    return Scored(
        id=f"call{number}",
        request_id=f"request{number}",
        time=NOON.timestamp() + number,
        columns={
            "kind": np.arange(rows) % 2,
            "size": np.full(rows, 77.5),
        },
        features=np.zeros((rows, 1), np.float32),
        predictions=np.linspace(0, 1, rows, dtype=np.float32),
        version=version,
        duration_s=0.0,
    )


def batch(*calls: Scored, refused: int = 0, dropped: int = 0) -> Batch:
    """What a bulk observer is told."""
    return Batch(calls, {"invalid_input": refused} if refused else {}, dropped)


def answered(number: int) -> bytes:
    """An encoded entry of one row."""
    content = sha256(b"%d" % number).hexdigest()
    return encode(
        Answered(
            time=NOON,
            request=f"request{number}",
            ids=[(f"call{number}", 0, 0)],
            rows=1,
            version="v1",
            inputs=content,
            predictions=content,
        )
    )


def closed() -> bytes:
    """The encoded entry of an end."""
    return encode(Closed(time=NOON))


def make_chain(folder: Path, key: Key | None = None, most_bytes: int = 1_000_000) -> Chain:
    """A chain in a folder, to add encoded entries to."""
    model = Model("model", "v1", "0" * 64)
    name = key.name if key else ""
    return Chain(
        folder,
        most_bytes,
        key,
        lambda chain, follows: Begun(
            time=NOON,
            chain=chain,
            host="h",
            process=1,
            package="p",
            code="c",
            model=model,
            key=name,
            follows=follows,
        ),
    )


def lines(folder: Path) -> list[bytes]:
    """All lines of a log, in order of the names of its files."""
    return [
        line
        for path in sorted(folder.glob("*.jsonl"))
        for line in path.read_bytes().splitlines(keepends=True)
    ]


MakeLog = Callable[..., AuditLog]


@pytest.fixture
def gauges() -> list[Gauge]:
    """Those of the logs below."""
    return []


@pytest.fixture
def small_model(tmp_path: Path) -> ModelFolder:
    """A model folder as far as the log reads it."""
    folder = ModelFolder(tmp_path / "small-model")
    folder.path.mkdir()
    folder.model.write_bytes(b"a graph")
    SIGNATURE.write(folder.signature)
    return folder


@pytest.fixture
def make_log(tmp_path: Path, small_model: ModelFolder, gauges: list[Gauge]) -> Iterator[MakeLog]:
    """A log in the folder `log`, with these of its settings changed."""
    made: list[AuditLog] = []

    def make(**changes: object) -> AuditLog:
        given = {f"audit_{name}": value for name, value in changes.items()}
        given.setdefault("audit_dir", tmp_path / "log")
        settings = Settings().model_copy(update=given)
        made.append(AuditLog(settings, small_model, gauges))
        return made[-1]

    yield make
    for log in made:
        log.close()


def entries(folder: Path) -> list[dict[str, Any]]:
    """All entries of a log, decoded."""
    return [json.loads(line) for line in lines(folder)]


def figures(gauges: list[Gauge]) -> dict[str, float]:
    """The gauges' values by name."""
    return {gauge.name: gauge.values()[()] for gauge in gauges}

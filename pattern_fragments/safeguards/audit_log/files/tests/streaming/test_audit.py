"""Each event that was answered has an entry, under the id of its prediction."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

from __package__.audit.verify import verify
from __package__.settings import Settings
from __package__.streaming.broker import Outgoing
from __package__.wiring import build_service

from .conftest import event, make_stage, until

Events = Callable[..., list[Outgoing]]


def test_each_event_has_an_entry_under_the_id_of_its_prediction(
    settings: Settings, make_events: Events, tmp_path: Path
) -> None:
    log = tmp_path / "log"
    service = build_service(settings.model_copy(update={"audit_dir": log}))
    stage = make_stage("memory://", service, service.settings)

    async def consumed() -> list[str]:
        async with stage.consuming() as consumer:
            await stage.publish([*make_events(30), event("bad", {})])
            await until(lambda: consumer.figures.consumed == 30)
            await until(lambda: consumer.figures.dead_lettered == 1)
        return [one["prediction_id"] for one in await stage.predictions()]

    ids = asyncio.run(consumed())
    service.observers.close()
    report = verify(log)
    assert not report.findings
    [chain] = report.chains
    assert (chain.is_closed, chain.rows, chain.refused) == (True, 30, 1)
    lines = [line for path in log.iterdir() for line in path.read_text().splitlines()]
    entries = [json.loads(line) for line in lines]
    recorded = [one for entry in entries for one in entry.get("ids", [])]
    assert sorted(recorded) == sorted(ids)

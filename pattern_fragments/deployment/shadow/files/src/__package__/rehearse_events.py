"""Rehearses a shadow of events on this machine.

The command is `python -m __package__.rehearse_events`.

Champion and candidate are two groups of consumers of one Redis, each a process of its own. The
Redis is the one that SERVICE_BROKER_URL names, else one that is started here (`redis-server`).
"""

import argparse
import asyncio
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from .rehearsal.environment import without_settings
from .rehearsal.models import Models, prepare
from .rehearsal.story import Story, as_markdown
from .rehearsal.traffic import Traffic
from .settings import Settings, read_settings
from .shadow.consume import shadow_settings
from .shadow.played import Played, concluded, fresh, line, write_outcomes
from .streaming.broker import Streams, open_broker
from .streaming.events import decode
from .streaming.sample_events import sample_event

CASES: Mapping[str, tuple[str, bool]] = {"good": ("candidate", True), "bad": ("bad", False)}
"""Which of the models, and whether the report has to call it fit."""

PATIENCE_S = 120.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Rehearse; 0 when each candidate was judged as it had to be and none was heard."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.rehearse_events",
        description="Rehearse a shadow of events on this machine.",
    )
    parser.add_argument("--candidate", choices=CASES, help="only this one; both by default")
    parser.add_argument("--days", type=int, default=3, help="of events; 3 by default")
    parser.add_argument("--folder", type=Path, default=Path("data/rehearsal"))
    parser.add_argument("--small", action="store_true", help="models of a few days, in seconds")
    options = parser.parse_args(arguments)
    try:
        models = prepare(options.folder, small=options.small)
        traffic = Traffic.after_test_of(models.candidate, options.days)
        names = [options.candidate] if options.candidate else list(CASES)
        with broker_url(options.folder / "shadow") as url:
            played = [
                play(name, models, traffic, options.folder / "shadow" / name, url) for name in names
            ]
    except KeyboardInterrupt:
        sys.stderr.write("\nended; every process that was started has ended\n")
        return 130
    except (OSError, ValueError) as error:
        sys.stderr.write(f"cannot rehearse: {error}\n")
        return 1
    sys.stdout.write(f"\n{as_markdown([one.row for one in played])}\n")
    return 0 if all(one.as_expected for one in played) else 1


def play(name: str, models: Models, traffic: Traffic, folder: Path, url: str) -> Played:
    """One candidate, from its start to its verdict."""
    model, must_be_fit = CASES[name]
    # Streams of its own: what real consumers do at this broker goes on.
    run = f"rehearsal-{name}-{time.time_ns()}"
    settings = fresh(folder, models.champion).model_copy(
        update={
            "broker_url": url,
            "events_stream": f"{run}-events",
            "predictions_stream": f"{run}-predictions",
            "dead_letters_stream": f"{run}-dead-letters",
        }
    )
    story = Story(folder, f"Shadow of events: a {name} candidate")
    since = datetime.now(UTC)
    with (
        _consumer("consume", models.champion, folder / "champion.log", settings),
        _consumer("shadow.consume", getattr(models, model), folder / "candidate.log", settings),
    ):
        ids = asyncio.run(_publish(traffic, settings))
        story.step(f"{len(ids):,} events are out")
        for who, mine in (("champion", settings), ("candidate", shadow_settings(settings))):
            asyncio.run(_all_scored(mine))
            story.step(f"the {who} has scored them all")
    published = _published(settings)
    story.step(f"{published:,} predictions were published: all of the champion")
    write_outcomes(settings, ids, traffic.labels)
    found = concluded(story, settings, since, folder)
    row = {**line(name, found), "events": len(ids), "published": published}
    story.write([], [row])
    is_fit = found is not None and found.verdict.fit
    return Played(row, is_fit == must_be_fit and published == len(ids))


@contextmanager
def broker_url(folder: Path) -> Iterator[str]:
    """The Redis to use; raises ValueError when there is none."""
    named = read_settings().broker_url
    if named.startswith("redis"):
        yield named
        return
    program = shutil.which("redis-server")
    if program is None:
        raise ValueError("there is no redis-server here: let SERVICE_BROKER_URL name a Redis")
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    folder.mkdir(parents=True, exist_ok=True)
    options = f"--bind 127.0.0.1 --port {port} --save --appendonly no --dir {folder}".split()
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:  # noqa: S603 - installed on this machine
        try:
            _wait_for_redis(port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


def _wait_for_redis(port: int) -> None:
    give_up_at = time.monotonic() + PATIENCE_S
    while True:
        try:
            Redis(port=port).ping()
        except RedisConnectionError:
            if time.monotonic() > give_up_at:
                raise
            time.sleep(0.05)
        else:
            return


@contextmanager
def _consumer(module: str, model: Path, log: Path, settings: Settings) -> Iterator[None]:
    """A process that consumes until the block ends; it then finishes what it has in hand."""
    given = {
        "MODEL_DIR": model.absolute(),
        "HOST": "127.0.0.1",
        "PORT": 0,
        **{
            name.upper(): getattr(settings, name)
            for name in (
                "broker_url",
                "events_stream",
                "predictions_stream",
                "dead_letters_stream",
                "prediction_log",
                "shadow_log",
            )
        },
    }
    environment = {f"SERVICE_{name}": str(value) for name, value in given.items()}
    command = [sys.executable, "-m", f"__package__.{module}"]
    with (
        log.open("wb") as said,
        subprocess.Popen(  # noqa: S603 - our own module
            command, env=without_settings() | environment, stdout=said, stderr=said
        ) as process,
    ):
        try:
            yield
        finally:
            process.terminate()


async def _publish(traffic: Traffic, settings: Settings) -> list[str]:
    """Publish the rows as events; the ids that their predictions will have."""
    events = [sample_event(f"{number}", row) for number, row in enumerate(traffic.rows)]
    broker = open_broker(settings)
    await broker.open()
    await broker.publish(Streams.of(settings).events, events)
    await broker.close()
    return [decode(event.body, settings.max_event_bytes).prediction_id for event in events]


async def _all_scored(settings: Settings) -> None:
    """Wait until a group has acknowledged all events; raises OSError when it does not."""
    broker = open_broker(settings)
    await broker.open()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while (await broker.backlog()).events:
                await asyncio.sleep(0.2)
    finally:
        await broker.close()


def _published(settings: Settings) -> int:
    """How many predictions readers find; the streams of the rehearsal are removed."""
    with Redis.from_url(settings.broker_url) as redis:
        found: int = redis.xlen(settings.predictions_stream)
        redis.delete(
            settings.events_stream, settings.predictions_stream, settings.dead_letters_stream
        )
    return found


if __name__ == "__main__":
    sys.exit(main())

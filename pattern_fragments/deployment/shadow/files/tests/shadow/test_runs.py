"""A candidate scores what the champion has published, and changes nothing that is read."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import yaml
from prometheus_client import CollectorRegistry

from __package__.batch.figures import Figures
from __package__.batch.run import run_day
from __package__.domain import data
from __package__.logged import scan
from __package__.settings import Settings
from __package__.shadow import score
from __package__.shadow.score import score_day

DAY = date(2013, 1, 20)
DEPLOY = Path(__file__).parents[2] / "deploy"


@pytest.fixture
def days(settings: Settings, tmp_path: Path) -> Settings:
    """A day that the champion has published."""
    start = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC)
    rows = data.examples(start, start + timedelta(days=1)).head(200)
    (tmp_path / "input").mkdir()
    asked = rows.drop("asked_at", "label", "labelled_at").with_row_index("key")
    asked.write_parquet(tmp_path / "input" / "a.parquet")
    changes = {
        "input": str(tmp_path / "input"),
        "output": tmp_path / "output",
        "prediction_log": str(tmp_path / "champion"),
        "shadow_log": str(tmp_path / "candidate"),
        "shadow_scratch": tmp_path / "scratch",
        "rows_per_part": 64,
    }
    found = settings.model_copy(update=changes)
    figures = Figures(found, DAY)
    run_day(found, DAY, again=False, figures=figures)
    figures.end()
    return found


def logged(where: str) -> pl.DataFrame:
    now = datetime.now(UTC)
    return scan(where, now - timedelta(hours=1), now).collect()


def everything(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_predicts_the_same_rows_under_the_same_ids_and_touches_nothing(days: Settings) -> None:
    before = everything(days.output)
    # In parts of another size: the ids do not depend on it.
    score_day(days.model_copy(update={"rows_per_part": 100}), DAY)
    champion, candidate = logged(days.prediction_log), logged(days.shadow_log)
    assert len(champion) == 200
    assert set(candidate["prediction_id"]) == set(champion["prediction_id"])
    joined = champion.join(candidate, on="prediction_id", suffix="_again")
    assert joined["prediction"].to_list() == pytest.approx(joined["prediction_again"].to_list())
    assert everything(days.output) == before
    assert not any(days.shadow_scratch.iterdir())


def test_without_a_published_day_there_is_nothing_to_do(days: Settings) -> None:
    with pytest.raises(FileNotFoundError, match="the champion has published nothing of 2013-01-21"):
        score_day(days, DAY + timedelta(days=1))


def test_an_input_that_has_changed_is_not_compared(days: Settings) -> None:
    path = Path(days.input) / "a.parquet"
    pl.read_parquet(path).head(10).write_parquet(path)
    with pytest.raises(ValueError, match="is not what the champion has scored"):
        score_day(days, DAY)
    assert not Path(days.shadow_log).exists()


@pytest.fixture
def environment(days: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """The same settings, as a command reads them."""
    names = ("model_dir", "input", "output", "prediction_log", "shadow_log", "shadow_scratch")
    for name in names:
        monkeypatch.setenv(f"SERVICE_{name.upper()}", str(getattr(days, name)))
    numbers = (signal.SIGINT, signal.SIGTERM)
    handlers = [signal.getsignal(number) for number in numbers]
    yield days
    for number, handler in zip(numbers, handlers, strict=True):
        signal.signal(number, handler)


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """What the gateway was sent, filled when a run ends."""
    found: dict[str, float] = {}

    def push(_job: str, registry: CollectorRegistry, _: Settings) -> Callable[[], None]:
        samples = [one for family in registry.collect() for one in family.samples]
        found.update({one.name: one.value for one in samples})
        return lambda: None

    monkeypatch.setattr("__package__.push.push", push)
    return found


@pytest.mark.usefixtures("environment")
def test_a_past_day_is_scored_and_the_figures_of_the_last_night_stay(
    pushed: dict[str, float], capsys: pytest.CaptureFixture[str]
) -> None:
    assert score.main(["--date", str(DAY)]) == 0
    assert score.main(["--date", "2013-01-21"]) == score.FAILED
    assert "2013-01-21 has no shadow" in capsys.readouterr().err
    assert not pushed


def test_the_night_s_run_tells_when_it_ended_and_how_far_both_agree(
    days: Settings, pushed: dict[str, float]
) -> None:
    before = time.time()
    assert score.tonight(days, DAY) == 0
    assert pushed["shadow_failed"] == 0
    assert pushed["shadow_compared_rows"] == 200
    assert pushed["shadow_coverage"] == 1
    assert before <= pushed["shadow_run_timestamp_seconds"] <= time.time()


def test_a_run_that_crashes_says_so(
    days: Settings, pushed: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    def crash(*_: object) -> None:
        raise TypeError("no candidate is without defects")

    monkeypatch.setattr(score, "score_day", crash)
    assert score.tonight(days, DAY) == score.FAILED
    assert pushed["shadow_failed"] == 1


@pytest.mark.usefixtures("environment")
def test_a_run_that_is_told_to_end_leaves_nothing_behind(
    days: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def told(*_: object, **__: object) -> None:
        assert any(days.shadow_scratch.iterdir())
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(5)

    monkeypatch.setattr("__package__.batch.run.run_day", told)
    assert score.main(["--date", str(DAY)]) == 128 + signal.SIGTERM
    assert "ended by SIGTERM" in capsys.readouterr().err
    assert not any(days.shadow_scratch.iterdir())


def cronjob(*folders: str) -> dict[str, Any]:
    path = DEPLOY.joinpath(*folders) / "cronjob.yaml"
    # A job that is made by hand may stand behind it.
    spec: dict[str, Any] = next(yaml.safe_load_all(path.read_text()))["spec"]
    return spec


def starts_at_s(spec: dict[str, Any]) -> int:
    minute, hour, *_ = spec["schedule"].split()
    return 3600 * int(hour) + 60 * int(minute)


def ends_at_s(spec: dict[str, Any]) -> int:
    """The latest end of a run; the pod then has its grace period."""
    job = spec["jobTemplate"]["spec"]
    grace: int = job["template"]["spec"]["terminationGracePeriodSeconds"]
    ends: int = starts_at_s(spec) + spec["startingDeadlineSeconds"] + job["activeDeadlineSeconds"]
    return ends + grace


def test_it_never_runs_while_the_champion_may() -> None:
    champion, candidate = cronjob("base"), cronjob("shadow", "base")
    assert starts_at_s(candidate) > ends_at_s(champion)
    assert ends_at_s(candidate) < starts_at_s(champion) + 24 * 3600


def test_what_it_writes_lies_on_a_volume_of_its_own_and_the_champion_s_is_read_only() -> None:
    pod = cronjob("shadow", "base")["jobTemplate"]["spec"]["template"]["spec"]
    [container] = pod["containers"]
    assert container["args"][-1] == score.__name__
    mounts = {one["mountPath"]: one for one in container["volumeMounts"]}
    claims = {
        one["name"]: one["persistentVolumeClaim"]["claimName"]
        for one in pod["volumes"]
        if "persistentVolumeClaim" in one
    }
    assert mounts["/data"]["readOnly"] is True
    own = DEPLOY / "shadow" / "base" / "claim.yaml"
    assert claims[mounts["/shadow"]["name"]] == yaml.safe_load(own.read_text())["metadata"]["name"]
    assert claims[mounts["/shadow"]["name"]] != claims[mounts["/data"]["name"]]
    dockerfile = (DEPLOY.parent / "Dockerfile").read_text()
    assert "SERVICE_SHADOW_LOG=/shadow/" in dockerfile
    assert "SERVICE_SHADOW_SCRATCH=/shadow/" in dockerfile


def test_its_figures_have_the_name_of_its_workload() -> None:
    path = DEPLOY / "shadow" / "base" / "cronjob.yaml"
    assert next(yaml.safe_load_all(path.read_text()))["metadata"]["name"] == score.JOB

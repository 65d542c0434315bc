"""A backtest is a log of the past: the same whenever it is made, with its outcomes beside it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from __package__ import backtest
from __package__.backtest import main
from __package__.domain import data
from __package__.feature_store.offline import point_in_time
from __package__.logged import scan
from __package__.model_folder import ModelFolder
from __package__.object_store import write_parquet

DAYS = [data.SMALL_PERIOD.split.date() + timedelta(days=number) for number in range(3)]


@pytest.fixture(autouse=True)
def environment(model_folder: ModelFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SERVICE_MODEL_DIR", str(model_folder.path))


def run(output: Path, last: int = 2) -> int:
    return main(["--from", str(DAYS[0]), "--to", str(DAYS[last]), "--output", str(output)])


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture(scope="module")
def made(model_folder: ModelFolder, tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("backtest")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SERVICE_MODEL_DIR", str(model_folder.path))
        assert run(output) == 0
    return output


def test_every_example_is_predicted_when_it_was_asked_and_has_its_outcome(made: Path) -> None:
    start = datetime.combine(DAYS[0], datetime.min.time(), UTC)
    examples = data.examples(start, start + timedelta(days=3))
    outcomes = pl.read_parquet(made / "outcomes" / "*.parquet")
    since, until = examples["asked_at"].min(), examples["asked_at"].max()
    assert isinstance(since, datetime)
    assert isinstance(until, datetime)
    rows = scan(str(made / "predictions"), since, until + timedelta(seconds=1)).collect()
    joined = rows.join(outcomes, on="prediction_id", validate="1:1")
    assert len(joined) == len(examples)
    assert joined["time"].sort().to_list() == examples["asked_at"].sort().to_list()
    assert joined["label"].sum() == examples["label"].sum()
    assert (joined["labelled_at"] > joined["time"]).all()


def test_interrupted_anywhere_and_started_again_it_ends_with_the_same_bytes(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = 4

    def interrupted(frame: pl.DataFrame, where: str) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError("the power is gone")
        write_parquet(frame, where)

    with monkeypatch.context() as patch:
        patch.setattr(backtest, "write_parquet", interrupted)
        assert run(tmp_path) == 1
    assert contents(tmp_path) != contents(made)
    assert run(tmp_path) == 0
    assert contents(tmp_path) == contents(made)


def test_what_is_done_is_not_done_again(
    made: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(backtest, "point_in_time", None)
    assert run(made) == 0
    assert "0 rows scored now" in capsys.readouterr().out


def test_nothing_from_after_the_question_is_in_its_features(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def blind(
        events: dict[str, pl.DataFrame], *others: object
    ) -> dict[str, "np.typing.NDArray[np.float32]"]:
        cuts = others[-1]
        assert isinstance(cuts, np.ndarray)
        last = datetime.fromtimestamp(int(cuts.max()), UTC)
        known = {n: e.filter(pl.col("available_at") <= last) for n, e in events.items()}
        return point_in_time(known, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(backtest, "point_in_time", blind)
    assert run(tmp_path, last=0) == 0
    path = f"outcomes/{DAYS[0]}.parquet"
    assert (tmp_path / path).read_bytes() == (made / path).read_bytes()
    assert set(contents(tmp_path / "predictions")) <= set(contents(made / "predictions"))
    for name, content in contents(tmp_path / "predictions").items():
        assert contents(made / "predictions")[name] == content


def test_the_folder_of_another_model_is_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "backtest.json").write_text('{"model_version": "other"}')
    assert run(tmp_path) == 1
    assert "is a backtest of model other" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("first", "last", "message"),
    [
        ("2013-02-02", "2013-02-01", "is after"),
        ("2013-13-01", "2013-02-01", "is no day"),
        ("2019-02-01", "2019-02-02", "the data have nothing from 2019-02-01 to 2019-02-02"),
    ],
)
def test_days_that_make_no_sense_are_refused(
    tmp_path: Path, first: str, last: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code = main(["--from", first, "--to", last, "--output", str(tmp_path)])
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code != 0
    assert message in capsys.readouterr().err

"""Which model answers whom, and what observers hear of it."""

import asyncio
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from threading import get_ident

import httpx
import msgspec
import numpy as np
import polars as pl
import pytest

from __package__.columns import Columns, InvalidInput, Problem
from __package__.deferred import Deferred
from __package__.experiment import exposures
from __package__.experiment.arms import (
    HEADER,
    MOST_BYTES,
    Arms,
    Recoding,
)
from __package__.experiment.assignment import (
    CHALLENGER,
    CONTROL,
    Assignment,
)
from __package__.experiment.plan import Plan
from __package__.frames import frame
from __package__.model_folder import ModelFolder
from __package__.observer import Refused, Scored
from __package__.prediction_log.writer import Writer
from __package__.scoring import Scorer
from __package__.service import Service
from __package__.serving.application import Application
from __package__.serving.refusal import Headers, Refusal
from __package__.serving.scoring_endpoint import Answer
from __package__.settings import Settings
from __package__.signature import Input, Signature
from __package__.wiring import build_interfaces, build_service

from .conftest import SALT, START

UNITS = [f"unit {number}".encode() for number in range(40)]


def answer(service: Service, headers: Headers, path: str = "/predict") -> Answer:
    body = msgspec.json.encode(service.signature.example)
    return build_interfaces(service)[path].answer(body, headers)


def figures(service: Service, name: str) -> dict[str, float]:
    """A figure of the experiment by arm."""
    [gauge] = [gauge for gauge in service.gauges if gauge.name == f"experiment_{name}"]
    return {arm: value for (arm,), value in gauge.values().items()}


def exposed(service: Service) -> float:
    """How many requests were exposures."""
    return sum(figures(service, "requests_total").values())


def broken(_scorer: Scorer, _columns: Columns, _ids: Sequence[str] = ()) -> Scored:
    """Scores nothing."""
    raise RuntimeError("broken")


def read(settings: Settings) -> pl.DataFrame:
    """The log of exposures."""
    plan = Plan.read(settings.experiment_plan)
    return exposures.read(settings.exposure_log, plan.id, START, START.replace(year=2100))


def arm_of(unit: bytes) -> str:
    assignment = Assignment(SALT, 0.5)
    return assignment.arm(assignment.pseudonym(unit))


def test_each_unit_is_answered_by_the_model_of_its_arm(
    service: Service, challenger: ModelFolder
) -> None:
    other = build_service(Settings(model_dir=challenger.path))
    expected = {
        arm: one.scorer.score(one.scorer.encode_rows([one.signature.example]))
        for arm, one in ((CONTROL, service), (CHALLENGER, other))
    }
    assert expected[CONTROL].predictions != expected[CHALLENGER].predictions
    assert {arm_of(unit) for unit in UNITS} == {CONTROL, CHALLENGER}
    for unit in UNITS:
        heard = answer(service, {HEADER: unit})
        wanted = expected[arm_of(unit)]
        assert heard.scored.version == wanted.version
        assert heard.scored.predictions == wanted.predictions
        assert wanted.version in heard.body.decode()


def test_whoever_names_no_unit_gets_the_model_and_is_not_exposed(service: Service) -> None:
    for headers in ({}, {HEADER: b""}):
        heard = answer(service, headers).scored
        assert heard.version == service.signature.version
    assert exposed(service) == 0
    # A client that lost the header is seen.
    [unnamed] = [one for one in service.gauges if one.name == "experiment_unnamed_requests_total"]
    assert unnamed.values() == {(): 2}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"prediction_log_share": 0.1}, "SERVICE_PREDICTION_LOG_SHARE=0.1: an experiment needs"),
        ({"prediction_log_keep_days": 15}, "needs 16 days"),
    ],
)
def test_logs_that_would_not_hold_the_experiment_are_refused(
    settings: Settings, changes: dict[str, object], says: str
) -> None:
    service = build_service(settings.model_copy(update=changes))
    with pytest.raises(ValueError, match=says):
        build_interfaces(service)
    service.observers.close()


def test_whoever_names_a_version_gets_it_and_is_not_exposed(
    service: Service, signature: Signature
) -> None:
    base = f"/v2/models/{signature.name}"
    interfaces = build_interfaces(service)
    assert set(interfaces) == {
        "/predict",
        f"{base}/infer",
        f"{base}/versions/{signature.version}/infer",
    }
    tensors = [
        {"name": name, "shape": [1], "datatype": _datatype(value), "data": [value]}
        for name, value in signature.example.items()
    ]
    body = msgspec.json.encode({"inputs": tensors})
    unit = next(unit for unit in UNITS if arm_of(unit) == CHALLENGER)
    by_name = interfaces[f"{base}/infer"].answer(body, {HEADER: unit}).scored
    assert (by_name.version, exposed(service)) == ("challenger", 1)
    by_version = interfaces[f"{base}/versions/{signature.version}/infer"].answer(
        body, {HEADER: unit}
    )
    assert (by_version.scored.version, exposed(service)) == (signature.version, 1)


def test_a_model_and_its_copy_have_arms_too(
    settings: Settings, model_folder: ModelFolder, plan: Plan, tmp_path: Path
) -> None:
    shutil.copytree(model_folder.path, tmp_path / "copy")
    version = model_folder.read_signature().version
    path = tmp_path / "aa.json"
    msgspec.structs.replace(plan, control=version, challenger=version).write(path)
    given = {"challenger_dir": tmp_path / "copy", "experiment_plan": path}
    service = build_service(settings.model_copy(update=given))
    try:
        for unit in UNITS:
            answer(service, {HEADER: unit})
        named = f"/v2/models/{service.signature.name}/versions/{version}/infer"
        assert not isinstance(build_interfaces(service)[named], Arms)
        assert all(figures(service, "requests_total").values())
    finally:
        service.observers.close()


def _datatype(value: object) -> str:
    return "BYTES" if isinstance(value, str) else "FP64"


def test_callers_are_told_of_the_header(service: Service, signature: Signature) -> None:
    async def described() -> httpx.Response:
        transport = httpx.ASGITransport(Application(service, [], build_interfaces))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get("/openapi.json")

    paths = asyncio.run(described()).json()["paths"]
    told = {path for path, methods in paths.items() if "parameters" in methods.get("post", {})}
    assert told == {"/predict", f"/v2/models/{signature.name}/infer"}
    [parameter] = paths["/predict"]["post"]["parameters"]
    assert (parameter["name"], parameter["in"]) == (HEADER.decode(), "header")


def test_a_name_that_is_too_long_is_refused(service: Service) -> None:
    answer(service, {HEADER: b"x" * MOST_BYTES})
    with pytest.raises(Refusal, match=f"may have {MOST_BYTES} bytes, not {MOST_BYTES + 1}"):
        answer(service, {HEADER: b"x" * (MOST_BYTES + 1)})


def test_observers_hear_the_inputs_in_the_codes_of_the_model(service: Service) -> None:
    asked = service.signature.example
    for arm in (CONTROL, CHALLENGER):
        unit = next(unit for unit in UNITS if arm_of(unit) == arm)
        columns = answer(service, {HEADER: unit}).scored.columns
        [row] = frame(service.signature.inputs, columns).to_dicts()
        categories = [one.name for one in service.signature.inputs if one.type == "category"]
        assert {name: row[name] for name in categories} == {
            name: asked[name] for name in categories
        }


def test_a_category_that_only_the_challenger_knows_is_unknown_to_observers() -> None:
    def known(*categories: str) -> Input:
        return Input(
            name="kind", type="category", description="k", example="a", categories=categories
        )

    recoded = Recoding((known("a", "b", "c"),), (known("c", "a"),))
    codes = recoded({"kind": np.array([0, 1, 2, -1]), "size": np.array([1.0])})
    assert codes["kind"].tolist() == [1, -1, 0, -1]
    assert codes["size"].tolist() == [1.0]


def test_without_a_challenger_there_is_the_model_alone(model_folder: ModelFolder) -> None:
    service = build_service(Settings(model_dir=model_folder.path))
    heard = [answer(service, {HEADER: unit}).scored for unit in UNITS]
    assert {one.version for one in heard} == {service.signature.version}
    assert exposed(service) == 0


def test_what_was_answered_and_what_failed_is_in_the_log_of_exposures(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = build_service(settings)
    interface = build_interfaces(service)["/predict"]
    body = msgspec.json.encode([service.signature.example] * 2)
    heard = interface.answer(body, {HEADER: UNITS[0]}).scored
    with monkeypatch.context() as patched:
        patched.setattr(Scorer, "score", broken)
        with pytest.raises(RuntimeError, match="broken"):
            interface.answer(body, {HEADER: UNITS[1]})
    with pytest.raises(Refusal):
        interface.answer(b"{", {HEADER: UNITS[2]})
    service.observers.close()
    logged = read(settings).to_dicts()
    name = Assignment(SALT, 0.5).pseudonym
    [answered] = [row for row in logged if row["rows"]]
    [failed] = [row for row in logged if not row["rows"]]
    ids = [f"{answered['exposure']}-{row}" for row in range(answered["rows"])]
    assert ids == [heard.prediction_id(0), heard.prediction_id(1)]
    assert (answered["unit"], answered["model_version"]) == (name(UNITS[0]), heard.version)
    assert (failed["unit"], failed["arm"]) == (name(UNITS[1]), arm_of(UNITS[1]))
    assert not any(unit.decode() in str(logged) for unit in UNITS)
    both = [arm_of(unit) for unit in UNITS[:2]]
    assert figures(service, "units") == {arm: both.count(arm) for arm in (CONTROL, CHALLENGER)}
    assert figures(service, "requests_total") == figures(service, "units")
    assert figures(service, "failures_total")[arm_of(UNITS[1])] == 1
    assert figures(service, "planned_share") == {CONTROL: 0.5, CHALLENGER: 0.5}


def test_whoever_is_answered_too_late_was_failed(settings: Settings) -> None:
    service = build_service(settings.model_copy(update={"request_timeout_s": 1e-9}))
    answer(service, {HEADER: UNITS[0]})
    service.observers.close()
    assert read(settings)["rows"].to_list() == [0]
    assert figures(service, "failures_total")[arm_of(UNITS[0])] == 1


def refusing(kind: type[InvalidInput]) -> Callable[..., Scored]:
    def score(_scorer: Scorer, _columns: Columns, _ids: Sequence[str] = ()) -> Scored:
        raise kind([Problem(0, "speed", "is too much")])

    return score


class TooMuch(InvalidInput):
    """Of one model; another one may take it."""

    reason = "too_much"


@pytest.mark.parametrize(("kind", "exposed"), [(TooMuch, 1), (InvalidInput, 0)])
def test_who_is_refused_by_the_model_of_an_arm_was_exposed_and_by_the_signature_not(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    kind: type[InvalidInput],
    exposed: int,
) -> None:
    service = build_service(settings)
    monkeypatch.setattr(Scorer, "score", refusing(kind))
    with pytest.raises(Refusal, match="row 0, speed: is too much"):
        answer(service, {HEADER: UNITS[0]})
    assert figures(service, "requests_total")[arm_of(UNITS[0])] == exposed
    assert figures(service, "failures_total")[arm_of(UNITS[0])] == exposed
    service.observers.close()


def test_the_time_is_that_of_the_arm_without_any_queue(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = build_service(settings)
    score = Scorer.score

    def slow(scorer: Scorer, columns: Columns, ids: Sequence[str] = ()) -> Scored:
        time.sleep(0.1)
        return score(scorer, columns, ids)

    monkeypatch.setattr(Scorer, "score", slow)
    heard = answer(service, {HEADER: UNITS[0]}).scored
    service.observers.scored(msgspec.structs.replace(heard, duration_s=50.0))
    service.observers.close()
    assert 0.1 <= read(settings)["duration_s"][0] < 50


def test_many_failures_neither_write_where_requests_are_answered_nor_fill_the_memory(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = build_service(settings)
    interface = build_interfaces(service)["/predict"]
    body = msgspec.json.encode(service.signature.example)
    writers: list[int] = []
    add = Writer.add

    def told(writer: Writer, rows: pl.DataFrame) -> None:
        writers.append(get_ident())
        add(writer, rows)

    monkeypatch.setattr(Writer, "add", told)
    monkeypatch.setattr(Scorer, "score", broken)
    monkeypatch.setattr(exposures, "MOST_NOTED", 3)
    for unit in UNITS[:5]:
        with pytest.raises(RuntimeError):
            interface.answer(body, {HEADER: unit})
    assert not writers
    service.observers.refused(Refused(reason="internal_error", duration_s=0.0))
    [deferred] = service.observers.of(Deferred)
    deferred.flush()
    assert len(writers) == 1
    service.observers.close()
    assert len(read(settings)) == 3
    name = "exposure_log_dropped_rows_total"
    [lost] = [gauge.values() for gauge in service.gauges if gauge.name == name]
    assert lost == {(): 2}


def test_the_age_of_the_features_of_the_challenger_is_a_figure_of_its_own(
    service: Service,
) -> None:
    build_interfaces(service)
    names = [gauge.name for gauge in service.gauges]
    assert names.count("challenger_feature_age_seconds") == 1
    assert names.count("feature_age_seconds") == 1


def rewrite(folder: ModelFolder, **changes: object) -> None:
    msgspec.structs.replace(folder.read_signature(), **changes).write(folder.signature)


def test_a_challenger_that_is_not_that_of_the_plan_is_refused(
    service: Service, challenger: ModelFolder
) -> None:
    rewrite(challenger, version="newer")
    with pytest.raises(ValueError, match=r"the plan is of models .* make a new plan"):
        build_interfaces(service)


def test_a_challenger_that_takes_other_inputs_is_refused(
    service: Service, challenger: ModelFolder
) -> None:
    rewrite(challenger, inputs=challenger.read_signature().inputs[1:])
    with pytest.raises(ValueError, match="challenger has another inputs than the model"):
        build_interfaces(service)


def test_a_challenger_without_a_plan_is_refused(service: Service, tmp_path: Path) -> None:
    changed = service.settings.model_copy(update={"experiment_plan": tmp_path / "none.json"})
    with pytest.raises(FileNotFoundError, match="experiment plan"):
        build_interfaces(replace(service, settings=changed))

"""Answers each unit of the experiment from the model of its arm."""

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from ..columns import UNKNOWN, Columns
from ..deferred import Deferred
from ..gauges import Gauge
from ..model_folder import ModelFolder
from ..scoring import Scorer
from ..service import Service
from ..serving.interfaces import Interfaces, interfaces_of
from ..serving.refusal import Headers, Refusal
from ..serving.scoring_endpoint import Answer, Interface
from ..settings import Settings
from ..signature import Input, Signature
from .assignment import CHALLENGER, CONTROL, Assignment
from .exposures import Exposure, ExposureLog
from .plan import Plan

HEADER = b"x-experiment-unit"
MOST_BYTES = 128

BEFORE_THE_MODEL = ("invalid_input", "malformed", "too_many_rows")
"""Refusals that both arms make alike. What one model refuses and another may not is an exposure."""

BuildScorer = Callable[[Settings, Signature, ModelFolder, list[Gauge]], Scorer]


class Arms:
    """An interface of two models: who names a unit is answered by that of its arm."""

    def __init__(
        self,
        interfaces: Mapping[str, Interface],
        plan: Plan,
        recoded: Callable[[Columns], Columns],
        log: ExposureLog,
        timeout_s: float,
    ) -> None:
        self._interfaces = interfaces
        self._control = interfaces[CONTROL]
        self._plan, self._versions = plan.id, plan.versions
        self._assignment = Assignment(plan.salt, plan.share)
        self._recoded = recoded
        self._log = log
        self._timeout_s = timeout_s
        self.content_types = self._control.content_types
        self.headers = {
            HEADER.decode(): f"Whom the request is about, in at most {MOST_BYTES} bytes."
        }

    def answer(self, body: bytes, headers: Headers) -> Answer:
        """Answer a request; raises Refusal."""
        unit = headers.get(HEADER)
        if not unit:
            self._log.note_unnamed()
            return self._control.answer(body, headers)
        if len(unit) > MOST_BYTES:
            raise Refusal(
                400,
                "invalid_input",
                f"The header {HEADER.decode()} may have {MOST_BYTES} bytes, not {len(unit)}.",
            )
        pseudonym = self._assignment.pseudonym(unit)
        arm = self._assignment.arm(pseudonym)
        started = time.perf_counter()
        try:
            answer = self._interfaces[arm].answer(body, headers)
        except Refusal as refusal:
            if refusal.reason not in BEFORE_THE_MODEL:
                self._note(pseudonym, arm, started, os.urandom(16).hex(), time.time(), 0)
            raise
        except Exception:
            self._note(pseudonym, arm, started, os.urandom(16).hex(), time.time(), 0)
            raise
        scored = answer.scored
        self._note(pseudonym, arm, started, scored.id, scored.time, len(scored.predictions))
        if arm == CONTROL:
            return answer
        columns = self._recoded(scored.columns)
        return msgspec.structs.replace(
            answer, scored=msgspec.structs.replace(scored, columns=columns)
        )

    def refusal(self, refusal: Refusal) -> bytes:
        """The body that tells a caller why there is no answer."""
        return self._control.refusal(refusal)

    def _note(
        self, unit: str, arm: str, started: float, identity: str, moment: float, rows: int
    ) -> None:
        """Told here and not by who sends the answer: a caller who gave up was exposed, too."""
        took_s = time.perf_counter() - started
        self._log.note(
            Exposure(
                exposure=identity,
                plan=self._plan,
                unit=unit,
                arm=arm,
                model_version=self._versions[arm],
                time=datetime.fromtimestamp(moment, UTC),
                rows=rows if took_s <= self._timeout_s else 0,
                duration_s=took_s,
            )
        )


def in_experiment(service: Service, build_scorer: BuildScorer) -> Interfaces:
    """What answers callers when the settings name a challenger; without one, the model alone.

    Whoever asks for a version by its name gets that one, and is in no experiment. Raises OSError
    or ValueError when challenger, plan and model do not belong together.
    """
    settings = service.settings
    own = interfaces_of(service)
    if settings.challenger_dir is None:
        return own
    folder = ModelFolder(settings.challenger_dir)
    signature = folder.read_signature()
    plan = Plan.read(settings.experiment_plan)
    _check(plan, service.signature, signature)
    _check_logs(plan, settings)
    theirs: list[Gauge] = []
    scorer = build_scorer(settings, signature, folder, theirs)
    # With older features than the model's it would be another treatment than the one that is meant.
    service.gauges.extend(
        Gauge(
            "challenger_feature_age_seconds",
            "The same of the features that the challenger answers from",
            gauge.read,
        )
        for gauge in theirs
        if gauge.name == "feature_age_seconds"
    )
    others = interfaces_of(replace(service, signature=signature, scorer=scorer))
    service.gauges.append(
        Gauge(
            "experiment_planned_share",
            "Share of the units that the plan gives to the arm",
            lambda: {(arm,): share for arm, share in plan.shares.items()},
            labels=("arm",),
        )
    )
    [deferred] = service.observers.of(Deferred)
    [log] = deferred.of(ExposureLog)
    recoded = Recoding(signature.inputs, service.signature.inputs)
    # A path that names a version leads past the experiment, also when both are the same (A/A).
    return {
        path: interface
        if "/versions/" in path
        else Arms(
            {CONTROL: interface, CHALLENGER: others[path]},
            plan,
            recoded,
            log,
            settings.request_timeout_s,
        )
        for path, interface in own.items()
    }


class Recoding:
    """Puts encoded columns of one model into the codes of another, which observers know.

    A category that only the first one knows becomes unknown.
    """

    def __init__(self, ours: tuple[Input, ...], theirs: tuple[Input, ...]) -> None:
        known = {column.name: column.categories for column in theirs}
        self._tables: dict[str, NDArray[Any]] = {
            column.name: _table(column.categories, known[column.name])
            for column in ours
            if column.type == "category"
        }

    def __call__(self, columns: Columns) -> Columns:
        return {
            name: self._tables[name][values] if name in self._tables else values
            for name, values in columns.items()
        }


def _table(ours: tuple[str, ...], theirs: tuple[str, ...]) -> NDArray[np.int64]:
    """The new code by the old one; UNKNOWN is -1, and so finds the last."""
    codes = {category: code for code, category in enumerate(theirs)}
    return np.array([*(codes.get(category, UNKNOWN) for category in ours), UNKNOWN], np.int64)


def _check(plan: Plan, control: Signature, challenger: Signature) -> None:
    if (control.version, challenger.version) != (plan.control, plan.challenger):
        raise ValueError(
            f"the plan is of models {plan.control} and {plan.challenger}, but these are"
            f" {control.version} and {challenger.version}: make a new plan"
        )
    for part, asked, offered in (
        ("name", control.name, challenger.name),
        ("inputs", _shape(control), _shape(challenger)),
        ("output", control.output, challenger.output),
    ):
        if asked != offered:
            raise ValueError(
                f"the challenger {challenger.version} has another {part} than the model"
                f" {control.version}: callers could not ask both alike"
            )


def _check_logs(plan: Plan, settings: Settings) -> None:
    """The last look needs all of both logs."""
    if settings.prediction_log_share < 1:
        raise ValueError(
            f"SERVICE_PREDICTION_LOG_SHARE={settings.prediction_log_share:g}: an experiment needs"
            " all predictions, so 1"
        )
    least = math.ceil(plan.days + plan.outcome_delay_h / 24) + 1
    if settings.prediction_log_keep_days < least:
        raise ValueError(
            f"SERVICE_PREDICTION_LOG_KEEP_DAYS={settings.prediction_log_keep_days}: the last look"
            f" of this experiment needs {least} days"
        )


def _shape(signature: Signature) -> tuple[Input, ...]:
    """The inputs as callers see them; of an open set each model knows other categories."""
    return tuple(
        msgspec.structs.replace(column, categories=()) if column.accepts_unknown else column
        for column in signature.inputs
    )

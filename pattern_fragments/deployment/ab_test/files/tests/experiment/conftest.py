"""Two models of which one knows its categories in another order, a plan, and made-up units."""

import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
import polars as pl
import pytest

from __package__.domain.experiment import MARGINS, METRIC
from __package__.experiment.assignment import CHALLENGER, Assignment
from __package__.experiment.past import Past
from __package__.experiment.plan import Plan
from __package__.experiment.rehearsed import kept_for_ever
from __package__.experiment.units import Seen
from __package__.model_folder import ModelFolder
from __package__.service import Service
from __package__.settings import Settings
from __package__.signature import Input, Signature
from __package__.wiring import build_service

START = datetime(2013, 7, 1, tzinfo=UTC)
SALT = "salt"

PLAN = Plan(
    made_at=START,
    start=START,
    control="model",
    challenger="challenger",
    salt=SALT,
    share=0.5,
    metric=METRIC.name,
    unit=METRIC.unit,
    lower_is_better=True,
    baseline=6.0,
    deviation=5.0,
    effect=1.0,
    alpha=0.05,
    power=0.8,
    units=788,
    days=14.0,
    asked_days=14,
    outcome_delay_h=24.0,
    guardrails=MARGINS,
    guardrail_alpha=0.05,
)

MakeSeen = Callable[..., Seen]


def backwards(column: Input) -> Input:
    """The same input of a model that learned its categories in another order."""
    return msgspec.structs.replace(column, categories=column.categories[::-1])


@pytest.fixture
def challenger(model_folder: ModelFolder, signature: Signature, tmp_path: Path) -> ModelFolder:
    """A model that answers otherwise, for its codes mean something else."""
    folder = ModelFolder(tmp_path / "challenger")
    shutil.copytree(model_folder.path, folder.path)
    inputs = tuple(
        backwards(column) if column.accepts_unknown else column for column in signature.inputs
    )
    msgspec.structs.replace(signature, version="challenger", inputs=inputs).write(folder.signature)
    return folder


@pytest.fixture
def plan() -> Plan:
    """Of two weeks."""
    return PLAN


@pytest.fixture
def settings(
    model_folder: ModelFolder, challenger: ModelFolder, plan: Plan, tmp_path: Path
) -> Settings:
    """Those of a service in an experiment: the plan is of its models."""
    path = tmp_path / "plan.json"
    version = model_folder.read_signature().version
    msgspec.structs.replace(plan, control=version).write(path)
    given = Settings(
        model_dir=model_folder.path,
        challenger_dir=challenger.path,
        experiment_plan=path,
        exposure_log=str(tmp_path / "exposures"),
        prediction_log=str(tmp_path / "predictions"),
        outcomes=str(tmp_path / "outcomes"),
    )
    return given.model_copy(update=kept_for_ever())


@pytest.fixture
def service(settings: Settings) -> Iterator[Service]:
    """A service in an experiment."""
    made = build_service(settings)
    yield made
    made.observers.close()


def past(units: int, days: int, seed: int = 0) -> Past:
    """Units that differ in how often they ask and in what that comes to."""
    random = np.random.default_rng(seed)
    counts = random.poisson(random.gamma(2, 0.5, (units, 1)), (units, days)).astype(np.float64)
    level = random.normal(6, 2, (units, 1))
    noise = random.normal(0, 4, (units, days)) * np.sqrt(counts)
    errors = random.normal(0.15, 0.02, (units, 1)) * counts
    names = [f"unit {number}" for number in range(units)]
    return Past(names, level * counts + noise, errors, counts)


@pytest.fixture
def make_seen(plan: Plan) -> MakeSeen:
    """What an experiment has seen of n units, each in its arm of the plan: ten requests per unit,
    of a row each.

    The challenger's value is higher by `value`, its squared error by `brier`; of a unit's requests
    to it `failures` fail, and `lost` of its units never come. Of its answers the share `unlogged`
    is not in the prediction log, and `unlabelled` have no outcome.
    """

    def make(
        units: int = 2000,
        value: float = 0.0,
        brier: float = 0.0,
        failures: int = 0,
        lost: float = 0.0,
        unlogged: float = 0.0,
        unlabelled: float = 0.0,
    ) -> Seen:
        random = np.random.default_rng(1)
        assignment = Assignment(plan.salt, plan.share)
        names = [assignment.pseudonym(f"unit {number}".encode()) for number in range(units)]
        arms = np.array([assignment.arm(name) for name in names])
        is_challenger = arms == CHALLENGER
        asked = np.full(units, 10)
        answered = asked - failures * is_challenger
        found = random.binomial(answered, 1 - unlogged * is_challenger)
        labelled = random.binomial(found, 1 - unlabelled * is_challenger)
        frame = pl.DataFrame(
            {
                "unit": names,
                "arm": arms,
                "first": [START + timedelta(minutes=number) for number in range(units)],
                "asked": asked,
                "answered": answered,
                "failures": failures * is_challenger,
                "slow": np.zeros(units, np.int64),
                "due": answered,
                "found": found,
                "labelled": labelled,
                "value": labelled * (random.normal(6, 5, units) + value * is_challenger),
                "brier": labelled * (random.normal(0.15, 0.02, units) + brier * is_challenger),
            }
        )
        is_there = ~is_challenger | (random.uniform(size=units) >= lost)
        return Seen(frame.filter(is_there), int(plan.days))

    return make

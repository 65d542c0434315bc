"""The image of an experiment is only built from models and a plan that belong together."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from __package__.experiment import same_code
from __package__.model_folder import ModelFolder
from __package__.settings import Settings

DOCKERFILE = Path(__file__).parents[2] / "experiment" / "Dockerfile"


def build(settings: Settings) -> "subprocess.CompletedProcess[str]":
    """What the build runs, with these settings."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if line.startswith("RUN ")]
    line = lines[-1]
    code = json.loads(line.removeprefix("RUN "))[-1]
    given = {
        f"SERVICE_{name.upper()}": str(value)
        for name, value in settings.model_dump(exclude_unset=True).items()
    }
    return subprocess.run(  # noqa: S603 - the code stands in this repository
        [sys.executable, "-c", code],
        env=os.environ | given,
        capture_output=True,
        text=True,
        check=False,
    )


def test_models_of_the_plan_make_an_image(settings: Settings) -> None:
    built = build(settings)
    assert built.returncode == 0, built.stderr


def test_the_code_of_the_challenger_s_image_is_looked_at() -> None:
    [line] = [line for line in DOCKERFILE.read_text().splitlines() if "same_code" in line]
    assert "from=challenger,source=/app/.venv,target=/challenger" in line
    command = json.loads(line[line.index("[") :])
    assert command == ["python", "-m", same_code.__name__, "/challenger"]


@pytest.mark.parametrize("which", ["model_dir", "challenger_dir"])
def test_another_model_than_that_of_the_plan_ends_the_build(
    settings: Settings, challenger: ModelFolder, model_folder: ModelFolder, which: str
) -> None:
    other = {"model_dir": challenger.path, "challenger_dir": model_folder.path}[which]
    built = build(settings.model_copy(update={which: other}))
    assert built.returncode != 0
    assert "make a new plan" in built.stderr

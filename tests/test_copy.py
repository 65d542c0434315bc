"""`copier copy` by its command line, without trust."""

from pathlib import Path

import pytest
import yaml
from conftest import OLDEST_COPIER, contents, copier, run


def test_defaults_give_the_realtime_path(default_service: Path) -> None:
    answers = yaml.safe_load((default_service / ".copier-answers.yml").read_text())
    assert answers.pop("_src_path")
    assert answers.pop("_commit") == "v1.0.0"
    assert answers == {
        "project_name": "flight-delays",
        "description": "Predicts whether a flight will arrive more than 15 minutes late.",
        "owner": "my-org/my-team",
        "guidance": "golden_path",
        "golden_path": "realtime",
        "primary_function": "predict",
        "serving": "online",
        "deployment": "canary",
        "monitoring": ["system", "data_quality", "drift", "performance"],
        "feature_store": "inline",
        "risk": "baseline",
    }


def test_a_plain_folder_gives_the_same_service_as_a_git_clone(
    plain_template: Path, default_service: Path, tmp_path: Path
) -> None:
    service = tmp_path / "flight-delays"
    copier("copy", "--defaults", plain_template, service)
    mine, theirs = contents(service), contents(default_service)
    for answers in (mine, theirs):
        del answers[".copier-answers.yml"]
    assert mine == theirs


def test_the_oldest_supported_copier_gives_the_same_service(
    git_template: Path, default_service: Path, tmp_path: Path
) -> None:
    service = tmp_path / "flight-delays"
    run(
        *("uv", "run", "--quiet", "--isolated", "--no-project", "--with", f"copier=={OLDEST_COPIER}"),
        *("copier", "copy", "--defaults", git_template, service),
    )
    assert contents(service) == contents(default_service)


def test_the_stated_oldest_copier_is_the_tested_one(plain_template: Path) -> None:
    assert f'_min_copier_version: "{OLDEST_COPIER}"' in (plain_template / "copier.yml").read_text()


@pytest.mark.parametrize(
    ("folder", "name"),
    [
        ("flight-delays", "flight-delays"),
        ("Flight Delays!", "flight-delays"),
        ("1st-parcels", "st-parcels"),
        ("class", "my-service"),
    ],
)
def test_the_project_name_defaults_to_the_folder(git_template: Path, tmp_path: Path, folder: str, name: str) -> None:
    copier("copy", "--defaults", "--quiet", git_template, tmp_path / folder)
    answers = yaml.safe_load((tmp_path / folder / ".copier-answers.yml").read_text())
    assert answers["project_name"] == name


def test_the_current_folder_can_be_the_destination(git_template: Path, tmp_path: Path) -> None:
    service = tmp_path / "parcel-risk"
    service.mkdir()
    copier("copy", "--defaults", "--quiet", git_template, ".", cwd=service)
    assert (service / "src" / "parcel_risk" / "wiring.py").exists()


def test_no_monitoring_is_possible(git_template: Path, tmp_path: Path) -> None:
    quiet = ("--data", "monitoring=[]", "--data", "deployment=rolling")
    copier("copy", "--defaults", "--quiet", *quiet, git_template, tmp_path / "quiet-service")
    assert not list((tmp_path / "quiet-service").rglob("*metrics.py"))

"""What the candidate of a service with callers must not do, whatever its settings say."""

from pathlib import Path

import yaml

PATH = Path(__file__).parents[2] / "deploy" / "shadow" / "base" / "deployment.yaml"


def test_it_neither_logs_into_the_champion_s_log_nor_shows_anybody_anything() -> None:
    [container] = yaml.safe_load(PATH.read_text())["spec"]["template"]["spec"]["containers"]
    set_here = {one["name"]: one.get("value") for one in container["env"]}
    assert set_here["SERVICE_PREDICTION_LOG_SHARE"] == "0"
    assert set_here["SERVICE_SHADOW_URL"] == ""

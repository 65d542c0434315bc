"""What the manifests say of a canary: its steps and its limits, which stand only there."""

import re
from dataclasses import fields
from pathlib import Path

import yaml

from .analysis import Limits

DEPLOY = Path(__file__).parents[3] / "deploy"


def read_weights() -> list[int]:
    """The canary's share of the requests in each step, in percent."""
    rollout = yaml.safe_load((DEPLOY / "base" / "rollout.yaml").read_text())
    steps = rollout["spec"]["strategy"]["canary"]["steps"]
    return [step["setWeight"] for step in steps if "setWeight" in step]


def read_limits() -> Limits:
    """The limits by which the cluster judges."""
    spec = yaml.safe_load((DEPLOY / "base" / "analysis.yaml").read_text())["spec"]
    values = {each["name"].replace("-", "_"): each.get("value") for each in spec["args"]}
    numbers = {
        field.name: float(values[field.name]) for field in fields(Limits) if field.name in values
    }
    return Limits(**numbers, slow_after=_slow_after())


def _slow_after() -> str:
    """The bound beyond which the recorded figure calls an answer slow."""
    groups = yaml.safe_load((DEPLOY / "monitoring" / "alerts.yaml").read_text())["groups"]
    rules = {rule.get("record"): rule["expr"] for group in groups for rule in group["rules"]}
    [bound] = re.findall(r'le="([0-9.]+)"', rules["revision:requests_slow:increase6m"])
    return str(bound)

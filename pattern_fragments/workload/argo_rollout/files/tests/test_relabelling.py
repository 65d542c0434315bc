"""Prometheus tells the two versions of a Rollout apart."""

from pathlib import Path

import yaml

SCRAPE = Path(__file__).parents[1] / "deploy" / "monitoring" / "scrape.yaml"


def test_the_figures_are_no_older_than_the_texts_say() -> None:
    [job] = yaml.safe_load(SCRAPE.read_text())["scrape_configs"]
    assert job["scrape_interval"] == "15s"


def test_the_label_revision_is_the_pod_hash_that_argo_gives() -> None:
    [job] = yaml.safe_load(SCRAPE.read_text())["scrape_configs"]
    [rule] = [each for each in job["relabel_configs"] if each.get("target_label") == "revision"]
    assert rule["source_labels"] == ["__meta_kubernetes_pod_label_rollouts_pod_template_hash"]

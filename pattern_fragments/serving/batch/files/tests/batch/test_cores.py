"""How many cores a run takes."""

from pathlib import Path

import pytest

from __package__.batch.cores import cores


@pytest.mark.parametrize(("quota", "expected"), [("100000 100000", 1), ("20000 100000", 1)])
def test_a_container_s_limit_counts(quota: str, expected: int, tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text(f"{quota}\n")
    assert cores(tmp_path / "cpu.max") == expected


def test_a_broken_core_counts_whole_but_never_more_than_there_are(tmp_path: Path) -> None:
    there = cores(tmp_path / "none")
    for quota, expected in ((150_000, min(2, there)), (9_000_000_000, there)):
        (tmp_path / "cpu.max").write_text(f"{quota} 100000\n")
        assert cores(tmp_path / "cpu.max") == expected


def test_without_a_limit_all_cores_are_taken(tmp_path: Path) -> None:
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert cores(tmp_path / "cpu.max") == cores(tmp_path / "none") >= 1

"""The same parts on a Ray cluster, a local one that the test starts and ends."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

from __package__.settings import Settings

from .conftest import DAY, Run, contents, environment, published

pytestmark = pytest.mark.slow

ENDS_WITHIN_S = 300

ON_A_CLUSTER = """
import sys
import ray
from __package__.score import main

ray.init("local", num_cpus=2, object_store_memory=100_000_000, include_dashboard=False)
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.skipif(
    importlib.util.find_spec("ray") is None, reason="ray is not installed: uv sync --extra ray"
)
@pytest.mark.usefixtures("day_input")
def test_ray_gives_the_same_bytes(settings: Settings, run: Run, tmp_path: Path) -> None:
    run()
    on_ray = settings.model_copy(update={"engine": "ray", "output": tmp_path / "ray"})
    source = str(Path(sys.modules[Settings.__module__].__file__ or "").parents[1])
    ended = subprocess.run(  # noqa: S603 - the script above
        [sys.executable, "-c", ON_A_CLUSTER, "--date", str(DAY)],
        env=environment(on_ray)
        | {
            "PYTHONPATH": source,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
        },
        capture_output=True,
        text=True,
        timeout=ENDS_WITHIN_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert contents(published(on_ray.output)) == contents(published(settings.output))

"""The parts on a Ray cluster, by Ray Data.

Every node must see the model folder, the input and the output under the same paths, and have this
package installed: the service's image with the extra `ray`.
"""

import pickle
from collections.abc import Generator, Sequence
from typing import Any, cast

import msgspec
import ray
import ray.data

from ..service import Service
from ..settings import Settings
from ..wiring import build_service
from .part import Job, PartResult, score_part
from .source import Part


class PartScorer:
    """Holds the service in a process of the cluster, and scores the parts that are sent to it."""

    def __init__(self, settings: Settings, job: Job) -> None:
        self._service = build_service(settings)
        self._job = job

    def __call__(self, row: dict[str, Any]) -> dict[str, Any]:
        """Score one part; the result takes the place of its description."""
        part = msgspec.json.decode(row["part"], type=Part)
        service = self._service
        result = score_part(service.scorer, service.signature, self._job, part)
        return {"result": pickle.dumps(result)}


def on_ray(service: Service, job: Job, parts: Sequence[Part]) -> Generator[PartResult, None, None]:
    """As many processes as the setting `workers` says, or as the cluster has cores for."""
    settings = service.settings
    if not ray.is_initialized():
        ray.init(address=settings.ray_address, log_to_driver=False)
    # Ray counts rows, and a row is a part: one at a time in each process, and none waits in memory.
    rows = [{"part": msgspec.json.encode(part)} for part in parts]
    scored = ray.data.from_items(rows, override_num_blocks=len(rows)).map(
        cast(Any, PartScorer),
        fn_constructor_args=(settings, job),
        compute=ray.data.ActorPoolStrategy(min_size=1, max_size=settings.workers or None),
        num_cpus=1,
    )
    for row in scored.iter_rows():
        yield pickle.loads(row["result"])  # noqa: S301 - our own, from a process of ours

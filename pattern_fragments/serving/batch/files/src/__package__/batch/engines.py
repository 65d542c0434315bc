"""What runs the parts: threads of this process, or Ray Data. Both call `score_part`."""

from collections.abc import Callable, Generator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait

from ..service import Service
from .cores import cores
from .part import Job, PartResult, score_part
from .source import Part

Engine = Callable[[Service, Job, Sequence[Part]], Generator[PartResult, None, None]]
"""Scores parts in any order, and gives the result of each as soon as it is there."""


def local(service: Service, job: Job, parts: Sequence[Part]) -> Generator[PartResult, None, None]:
    """A thread for each core: polars, numpy and ONNX Runtime work outside of Python's lock.

    A part is begun only when another one is done, so memory does not grow with the input.
    """
    workers = service.settings.workers or cores()
    waiting = iter(parts)
    with ThreadPoolExecutor(workers, "score") as pool:
        running: set[Future[PartResult]] = set()
        try:
            while True:
                while len(running) <= workers and (part := next(waiting, None)):
                    running.add(
                        pool.submit(score_part, service.scorer, service.signature, job, part)
                    )
                if not running:
                    return
                done, running = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        finally:
            for future in running:
                future.cancel()


def engine(name: str) -> Engine:
    """The engine that the settings name; raises ValueError when it is not installed."""
    if name == "local":
        return local
    try:
        from .on_ray import on_ray
    except ModuleNotFoundError as error:
        raise ValueError(
            f"SERVICE_ENGINE=ray needs the extra `ray` ({error.name} is not installed):"
            " uv sync --extra ray"
        ) from error
    return on_ray

"""Serve the model over HTTP with faults on purpose; production never starts this."""

import argparse
import os
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

from .. import logs
from ..columns import Columns, InvalidInput, Problem
from ..observer import Scored
from ..scoring import Scorer
from ..serving.server import serve
from ..settings import read_settings
from ..wiring import build_application, build_service
from .processes import Faults


class FaultyScorer(Scorer):
    """Scores as another scorer does, unless a fault is due."""

    def __init__(self, whole: Scorer, faults: Faults) -> None:
        self._whole = whole
        self._faults = faults
        self._rows = self._calls = 0

    def encode_rows(self, rows: Sequence[Mapping[str, object]]) -> Columns:
        """Encode n rows of named values, or refuse them."""
        self._rows += 1
        if _is_due(self._rows, self._faults.refuse_share):
            raise InvalidInput([Problem(row=0, field="", reason="refused on purpose")])
        return self._whole.encode_rows(rows)

    def encode_columns(self, raw: Mapping[str, Sequence[object]]) -> Columns:
        """Encode a list of n values per input."""
        return self._whole.encode_columns(raw)

    def score(self, columns: Columns, ids: Sequence[str] = ()) -> Scored:
        """Predict, late, or not at all."""
        self._calls += 1
        faults = self._faults
        if faults.crash_after is not None and self._calls > faults.crash_after:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(faults.delay_s)
        if _is_due(self._calls, faults.fail_share):
            raise RuntimeError("a fault on purpose")
        return self._whole.score(columns, ids)


def _is_due(number: int, share: float) -> bool:
    """Whether this one is among as many as the share says, evenly spread.

    That is whenever number times share passes a whole number.
    """
    return int(number * share) > int((number - 1) * share)


def main(arguments: Sequence[str] | None = None) -> None:
    """Load the model, then serve with faults until told to stop."""
    parser = argparse.ArgumentParser(
        prog="python -m __package__.rehearsal.serve_faulty",
    )
    parser.add_argument("--delay-s", type=float, default=0.0)
    parser.add_argument("--fail-share", type=float, default=0.0)
    parser.add_argument("--refuse-share", type=float, default=0.0)
    parser.add_argument("--crash-after", type=int, default=None)
    faults = Faults(**vars(parser.parse_args(arguments)))
    settings = read_settings()
    logs.configure(settings.log_level)
    service = build_service(settings)
    faulty = replace(service, scorer=FaultyScorer(service.scorer, faults))
    try:
        serve(build_application(faulty))
    finally:
        service.observers.close()


if __name__ == "__main__":
    main()

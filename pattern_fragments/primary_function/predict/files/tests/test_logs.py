"""Logs are one JSON object per line."""

import json
import logging

import pytest

from __package__.logs import configure, request_id


def test_a_line_is_json_with_its_fields(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("INFO")
    token = request_id.set("abc")
    root_logger.info("%d rows", 3, extra={"status": 200})
    root_logger.debug("not shown")
    request_id.reset(token)
    line = json.loads(capsys.readouterr().out)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "level": "INFO",
        "logger": "root",
        "message": "3 rows",
        "request_id": "abc",
        "status": 200,
    }


def test_an_exception_stays_on_its_line(
    root_logger: logging.Logger, capsys: pytest.CaptureFixture[str]
) -> None:
    configure("INFO")
    try:
        raise RuntimeError("broken")
    except RuntimeError:
        root_logger.exception("failed")
    line = json.loads(capsys.readouterr().out)
    assert "RuntimeError: broken" in line["exception"]
    assert "request_id" not in line

"""The report as JSON, for other programs.

Its `format` is a number that grows when a field goes or changes its meaning.
"""

import json
from dataclasses import asdict
from typing import Any

from .report import PatternRow, Report, ServiceRow

FORMAT = 1


def to_json(report: Report) -> str:
    """The whole report, with a line break at its end."""
    document = {
        "format": FORMAT,
        "today": report.today.isoformat(),
        "template": {"revision": report.template, "patterns": report.patterns, "shallow": report.shallow},
        "summary": {what.replace(" ", "_"): count for what, count in report.summary} | {"drift": report.drifts},
        "services": [_service(row) for row in report.services],
        "findings": [asdict(finding) for finding in report.findings],
    }
    return json.dumps(document, indent=2) + "\n"


def _service(row: ServiceRow) -> dict[str, Any]:
    service = row.service
    return {
        "name": service.name,
        "place": row.place,
        "template": service.template,
        "golden_path": service.golden_path,
        "revision": asdict(row.revision),
        "git": asdict(row.git) if row.git else None,
        "patterns": [_pattern(pattern) for pattern in row.patterns],
        "overruled": [asdict(choice) for choice in service.overruled],
        "problems": list(service.problems),
    }


def _pattern(row: PatternRow) -> dict[str, Any]:
    return {
        **asdict(row.locked),
        "newest": row.newest or None,
        "drift": row.drift,
        "now": row.now or None,
        "deprecated": asdict(row.deprecation) if row.deprecation else None,
    }

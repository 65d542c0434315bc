"""What a whole service must keep: the checks that relate its files to each other and to what was chosen.

`problems_of_file` (files.py) has the checks of one file. Both are asked for every valid combination, so whatever
depends on one file alone is computed once per distinct content, and what is left are operations on sets.
"""

from hooks.catalogue import Catalogue
from hooks.manifest import Manifest
from hooks.space import Combination, provided

from ..services import Service
from .dependencies import dependency_problems
from .deployment import deployment_problems
from .files import problems_of_file
from .records import record_problems
from .references import reference_problems
from .repository import Repository
from .setting_values import value_problems
from .traces import Traces

_traces: dict[tuple[int, str], tuple[Catalogue, Traces]] = {}
"""What a catalogue can leave behind, by its identity, which lasts as it is kept here, and the name of the package."""


def problems_of_service(service: Service, catalogue: Catalogue) -> list[str]:
    """One sentence for each problem, with file and line; those of its single files are not among them."""
    repository = Repository(service, tuple(chosen_patterns(catalogue, service.chosen)))
    return [
        *record_problems(repository, catalogue),
        *dependency_problems(repository),
        *reference_problems(repository),
        *value_problems(repository),
        *deployment_problems(repository),
        *traces_of(catalogue, repository.package).problems(repository, provided(catalogue, service.chosen)),
    ]


def all_problems(service: Service, catalogue: Catalogue) -> list[str]:
    """The problems of every file, then those of the whole."""
    single = [problem for path, content in service.files.items() for problem in problems_of_file(path, content)]
    return [*single, *problems_of_service(service, catalogue)]


def chosen_patterns(catalogue: Catalogue, chosen: Combination) -> list[Manifest]:
    """The patterns of a combination in the order of the decisions, as Copier lists them."""
    rows = [pattern for _, pattern in catalogue.patterns if pattern.value in chosen.get(pattern.decision, ())]
    return sorted(rows, key=lambda row: (catalogue.order[row.decision], row.id))


def traces_of(catalogue: Catalogue, package: str) -> Traces:
    """What the catalogue's patterns can leave in a package of this name, read once."""
    key = (id(catalogue), package)
    if key not in _traces:
        _traces[key] = (catalogue, Traces(catalogue, package))
    return _traces[key][1]

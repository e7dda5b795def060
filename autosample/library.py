"""`autosample.search`: a whole search in this process, with nothing to set up."""

from __future__ import annotations

from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from autosample.bundle.recommender import Recommender, load
from autosample.bundle.write import write
from autosample.core.config import describe_errors
from autosample.core.progress import Listener, silent
from autosample.data.dataset import Dataset, load_dataset
from autosample.data.options import ReadOptions
from autosample.errors import SpecError
from autosample.experiment.report import Report
from autosample.experiment.run import Outcome, run
from autosample.spec import SearchSpec
from autosample.spec.search import needs_ray
from autosample.trials.local import runners_for
from autosample.views.notebook import figures, table

if TYPE_CHECKING:
    from plotly.graph_objects import Figure


IN_MEMORY = "in memory"
"""What a report calls a data set that was given as an object, not as a file."""


@dataclass(frozen=True)
class Result:
    """A finished search."""

    outcome: Outcome
    """The trained model, its data and the report, from which a bundle is written."""

    @property
    def report(self) -> Report:
        """What was searched, what won, and how sure that is."""
        return self.outcome.report

    @property
    def sampler(self) -> Any:
        """The chosen sampler."""
        return self.outcome.sampler

    def charts(self) -> dict[str, Figure]:
        """Return the charts of the report as Plotly figures, by name."""
        return figures(self.report)

    def _repr_html_(self) -> str:
        return table(self.report)

    def save(self, folder: Path | str) -> Recommender:
        """Write the bundle into a new folder, and return it loaded."""
        write(self.outcome, Path(folder))
        return load(folder)


def search(  # noqa: PLR0913
    data: Any,
    *,
    test: Any = None,
    valid: Any = None,
    options: ReadOptions | None = None,
    tell: Listener = silent,
    reuse: Path | str | None = None,
    parallel: int | None = None,
    **spec: Any,
) -> Result:
    """Find the sampler that fits a data set, and train the model with it.

    `data` is a data set, the path of a file, or a frame of pandas, Polars or Arrow;
    `options` say how to read it; `test` and `valid` are what `load_dataset` takes.
    Further arguments are fields of `SearchSpec`, such as `model={"kind": "lightgcn"}`.
    `tell` is called with each report of progress, and stops the search by raising.
    `reuse` and `parallel` are as for `run_search`. Raises DataError and SpecError with
    what was wrong, SearchFailed where no candidate survives.
    """
    if isinstance(data, Dataset):
        dataset, name = data, IN_MEMORY
    else:
        dataset = load_dataset(data, options, test=test, valid=valid)
        is_path = isinstance(data, str | PathLike)
        name = Path(data).name if is_path else IN_MEMORY
    checked = make_spec(name, spec)
    return run_search(checked, dataset, tell=tell, reuse=reuse, parallel=parallel)


def run_search(
    spec: SearchSpec,
    dataset: Dataset,
    *,
    tell: Listener = silent,
    reuse: Path | str | None = None,
    parallel: int | None = None,
) -> Result:
    """Run a search whose spec is checked, on data that are loaded.

    `reuse` is a folder where finished trainings are stored and looked up; None: every
    training is run. `parallel` is how many trainings run at the same time; with more
    than one, with the strategy asha and with `tune`, they run on a local Ray.
    """
    folder = None if reuse is None else Path(reuse)
    on_ray = needs_ray(spec)
    with runners_for(on_ray=on_ray, parallel=parallel, reuse=folder) as runners:
        return Result(run(spec, dataset, runners=runners, tell=tell))


def make_spec(dataset: str, fields: dict[str, Any]) -> SearchSpec:
    """Return a spec for the data set of that name, unless `fields` name another.

    Raises SpecError with each field that is wrong.
    """
    try:
        return SearchSpec.model_validate({"dataset": dataset} | fields)
    except ValidationError as error:
        raise SpecError(describe_errors(error)) from error

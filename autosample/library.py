"""`autosample.search`: a whole search in this process, with nothing to set up."""

from __future__ import annotations

from dataclasses import dataclass
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


@dataclass(frozen=True)
class Result:
    """A finished search."""

    outcome: Outcome

    @property
    def report(self) -> Report:
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


def search(
    data: Dataset | Path | str,
    *,
    test: Path | str | None = None,
    options: ReadOptions | None = None,
    tell: Listener = silent,
    reuse: Path | str | None = None,
    parallel: int | None = None,
    **spec: Any,
) -> Result:
    """Find the sampler that fits a data set, and train the model with it.

    `data` is a data set or the path of a file; further arguments are fields of
    `SearchSpec`, such as `model={"kind": "lightgcn"}`. `reuse` is a folder in which
    trainings from scratch are kept and looked up; None: each is run. `parallel` is the
    trials that run at a time; more than one, strategy asha and `tune` use a local Ray.
    Raises DataError and SpecError with what was wrong, SearchFailed where no candidate
    survives.
    """
    if isinstance(data, Dataset):
        dataset, name = data, "in memory"
    else:
        dataset, name = load_dataset(data, options, test=test), Path(data).name
    made = make_spec(name, spec)
    folder = None if reuse is None else Path(reuse)
    with runners_for(
        on_ray=needs_ray(made), parallel=parallel, reuse=folder
    ) as runners:
        return Result(run(made, dataset, runners=runners, tell=tell))


def make_spec(dataset: str, fields: dict[str, Any]) -> SearchSpec:
    """Check the fields of a spec; raises SpecError naming each that is wrong."""
    try:
        return SearchSpec.model_validate({"dataset": dataset} | fields)
    except ValidationError as error:
        raise SpecError(describe_errors(error)) from error

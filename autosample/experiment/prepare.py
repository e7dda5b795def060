"""Split the data as a spec says, and check that the two fit."""

from __future__ import annotations

from autosample.data.dataset import Dataset, DatasetStats
from autosample.data.splits import Split, SplitSpec, default_split
from autosample.errors import DataError, SpecError
from autosample.evaluation.cases import cases_of
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import Ranking
from autosample.spec import SearchSpec

FLOAT, INDEX = 4, 8
"""Bytes of a parameter, and of an item that was drawn with its score."""
COPIES = 5
"""Tables of a training: parameters, gradients, two moments, and the best epoch's."""


def prepare(spec: SearchSpec, dataset: Dataset) -> Split:
    """Split the data as the spec says.

    Raises DataError where the data cannot be split that way, SpecError where a metric
    needs more items than there are.
    """
    _check_order(spec, dataset.train.ordered)
    split = split_rule(spec, dataset).apply(dataset, spec.training.seed)
    for metric in metrics_of(spec):
        if metric.k > split.train.num_items:
            raise SpecError(
                f"{metric} needs {metric.k} ranks, and the data has"
                f" {split.train.num_items} items"
            )
    return split


def split_rule(spec: SearchSpec, dataset: Dataset) -> SplitSpec:
    """Return the spec's rule, or the default for such data and the spec's model."""
    return _rule(spec, dataset.test is not None, dataset.train.ordered)


def _rule(spec: SearchSpec, test_file: bool, ordered: bool) -> SplitSpec:
    return spec.split or default_split(
        test_file=test_file, ordered=ordered, reads_history=spec.model.reads_history
    )


def check_fit(spec: SearchSpec, stats: DatasetStats, memory: int) -> None:
    """Check by the counts of a data set alone whether a spec fits it.

    `memory` is how many bytes one training may take. Raises DataError where the data
    cannot be split as the spec says, and SpecError where a training would not fit.
    """
    _check_order(spec, stats.ordered)
    _rule(spec, bool(stats.test_pairs), stats.ordered).check(stats)
    needed = _bytes_of_training(spec, stats)
    if needed > memory:
        raise SpecError(
            f"a training would take about {needed >> 20} MiB, and {memory >> 20} MiB is"
            " the limit; choose a smaller width, batch_size or pool"
        )


def _check_order(spec: SearchSpec, ordered: bool) -> None:
    if spec.model.reads_history and not ordered:
        raise DataError(
            f"model {spec.model.kind} reads what a user did in time order, which the"
            " data does not have: map a `timestamp` column, or say `ordered` if the"
            " rows, or the items of a line, stand in time order"
        )


def _bytes_of_training(spec: SearchSpec, stats: DatasetStats) -> int:
    """Estimate the bytes of the tables, with what an optimiser keeps beside them, and
    of the scores of one batch."""
    width = getattr(spec.model, "width", 1)
    tables = (stats.users + stats.items) * width * FLOAT * COPIES
    batch = min(spec.training.batch_size, stats.pairs)
    drawn = max(
        max(getattr(sampler, "pool", 1), getattr(sampler, "negatives", 1))
        for sampler in spec.samplers
    )
    columns = sum(max(getattr(sampler, "negatives", 1), 1) for sampler in spec.samplers)
    return tables + batch * (drawn * INDEX + columns * width * FLOAT)


def fit_metrics(spec: SearchSpec, dataset: Dataset) -> SearchSpec:
    """Return the spec with metrics of no more ranks than there are items."""
    most = dataset.stats.items
    if all(metric.k <= most for metric in metrics_of(spec)):
        return spec
    cut = {
        "metric": _cut(spec.metric, most),
        "report_metrics": tuple(_cut(text, most) for text in spec.report_metrics),
    }
    return spec.model_copy(update=cut)


def _cut(text: str, most: int) -> str:
    metric = Metric(text)
    return text if metric.k <= most else f"{metric.name}@{most}"


def metrics_of(spec: SearchSpec) -> list[Metric]:
    """Return the metrics that a report states, the one that is maximised first."""
    return [Metric(text) for text in dict.fromkeys((spec.metric, *spec.report_metrics))]


def open_test_split(split: Split, k: int) -> Ranking:
    """Return the ranking of the test cases, whose histories include validation."""
    return Ranking(cases_of(split, "test"), k=k)


def open_valid_split(split: Split, k: int) -> Ranking:
    """Return the ranking of all validation cases."""
    return Ranking(cases_of(split, "valid"), k=k)

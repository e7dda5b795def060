"""Tables and sentences about a result, as text.

Terminal, report page, notebook and model card draw them; what they say is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    # At run time this module needs none of it: a client that only follows a job's
    # events shows them without loading torch.
    from autosample.evaluation.bands import Reach
    from autosample.evaluation.significance import Comparison, Estimate
    from autosample.experiment.report import Report
    from autosample.experiment.strategies.evidence import CandidateReport, Tuning


class Rows(NamedTuple):
    """A table; the first cell of a row names it."""

    columns: Sequence[str]
    """Headings, one per cell of a row."""
    rows: Sequence[Sequence[str]]
    """Cells, row by row."""

    def markdown(self) -> str:
        """Return the table as Markdown."""
        rule = ["---"] * len(self.columns)
        lines = (self.columns, rule, *self.rows)
        return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


class Interval(Protocol):
    """Anything with both ends of a confidence interval around a mean."""

    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def plus_minus(mean: float, interval: Interval, form: str = ".4f") -> str:
    """Return a mean with half the width of its confidence interval."""
    return f"{mean:{form}} ± {(interval.high - interval.low) / 2:.4f}"


def left_at(rung: int) -> str:
    """Return what is said of a candidate that left the race at a rung."""
    return f"left at rung {rung}"


def candidate_rows(report: Report) -> Rows:
    """Return how each candidate did in the search."""
    columns: tuple[str, ...] = (
        "candidate",
        f"validation {report.spec.metric} ± 95 %",
        "against uniform",
        "epochs",
    )
    rows = [_candidate(each) for each in report.candidates]
    if any(each.probability is not None for each in report.candidates):
        columns += ("chance to be the best",)
        chances = map(_chance, report.candidates)
        rows = [(*row, chance) for row, chance in zip(rows, chances, strict=True)]
    return Rows(columns, rows)


def _chance(candidate: CandidateReport) -> str:
    """Return the chance in the finals, or the one with which it left before."""
    if candidate.probability is not None:
        return f"{candidate.probability:.0%}, in the finals"
    if candidate.left is None:
        return ""
    return f"{candidate.left.probability:.0%}, left after round {candidate.left.after}"


def _candidate(candidate: CandidateReport) -> tuple[str, ...]:
    name, epochs = candidate.name, str(candidate.epochs)
    if candidate.metric is None:
        return name, candidate.error or "not measured by itself", "", epochs
    against = "" if (gap := candidate.versus_uniform) is None else _gap(gap)
    if against and not candidate.was_beside_uniform:
        after = candidate.versus_uniform_after
        against += f" after {after} epoch{'s' * (after != 1)}"
    return name, _estimate(candidate.metric), against, epochs


def _estimate(estimate: Estimate) -> str:
    return plus_minus(estimate.mean, estimate)


def _gap(gap: Comparison) -> str:
    return plus_minus(gap.difference, gap, "+.4f")


def metric_rows(report: Report) -> Rows:
    """Return the metrics of the returned model, on each split, and of the baseline."""
    measured = {"validation": report.valid}
    if report.refit is not None:
        measured["test, before the refit"] = report.refit.test_before
    measured["test"] = report.test
    if report.baseline is not None:
        measured[f"test, baseline ({report.baseline.name})"] = report.baseline.test
    rows = [
        (split, *(f"{means[name]:.4f}" for name in report.test))
        for split, means in measured.items()
    ]
    return Rows(("split", *report.test), rows)


def remarks(report: Report) -> list[str]:
    """Return sentences that one needs to read the metrics rightly."""
    protocol = report.spec.split
    sentences = [
        "Every item is ranked, those of the user that were known before too."
        if protocol is not None and protocol.mask == "none"
        else "Every item is ranked except those of the user that were known before.",
        "The test split was opened once, after every decision.",
    ]
    if any(name.endswith(f"@{report.dataset.items}") for name in report.test):
        sentences.append(
            f"There are {report.dataset.items} items, which metrics are cut to."
        )
    if protocol is not None and protocol.per == "interaction":
        sentences.append(
            "Metrics are means over held-out interactions, of which a user may have"
            " several; intervals are over users."
        )
    if report.refit is not None:
        sentences.append(
            f"The refit is {report.refit.epochs} more epochs, over training and"
            " validation pairs together; the validation metrics are of the model before"
            " it."
        )
    if report.final_refit is not None:
        done = report.final_refit
        sentences.append(
            f"The model that is handed over was trained anew for these {done.epochs}"
            f" epochs over all {done.pairs:,} pairs, those of the test included, once"
            " the test metrics had been taken; they are of the model before."
        )
    if report.split.likeness is not None:
        sentences.append(report.split.likeness.sentence)
    if report.split.cold is not None and report.split.cold.sentence is not None:
        sentences.append(report.split.cold.sentence)
    if report.shortened is not None:
        sentences.append(
            f"To keep to its budget, the search ran {report.shortened.strategy.label}"
            f" with at most {report.shortened.epochs} epochs per training."
        )
    return sentences


def band_rows(reach: Reach) -> Rows:
    """Return how well popular and rare items are recommended, on the test split."""
    columns = (
        "third of the interactions",
        "items",
        f"recall@{reach.k}",
        f"ndcg@{reach.k}",
        "share of recommendations",
    )
    rows = [
        (
            band.name,
            str(band.items),
            f"{band.recall:.4f}",
            f"{band.ndcg:.4f}",
            f"{band.recommended:.1%}",
        )
        for band in reach.bands
    ]
    return Rows(columns, rows)


def about_reach(reach: Reach) -> str:
    """Return a sentence about what is recommended, beside what users chose."""
    return (
        f"{reach.coverage:.1%} of the catalogue is recommended to at least one user. A"
        f" recommended item has {reach.popularity:.0f} training pairs on average; the"
        f" items that users chose themselves have {reach.held_out_popularity:.0f}."
    )


def about_false_negatives(report: Report) -> str:
    """Return a sentence about negatives that the user did like."""
    false = report.false_negatives
    return (
        f"At least {false.sampler.mean:.2%} of the sampler's negatives are items that"
        f" the user did like (uniform sampling: {false.uniform:.2%})."
    )


def tuning_rows(tuning: Tuning) -> Rows:
    """Return the winner and uniform sampling, each after and before tuning."""
    columns = ("", "sampler", "learning rate", "l2", "validation ± 95 %")
    settings = {
        "chosen": tuning.chosen,
        "chosen, before tuning": tuning.chosen_before,
        "uniform": tuning.uniform,
        "uniform, before tuning": tuning.uniform_before,
    }
    rows = [
        (
            name,
            setting.candidate.label,
            f"{setting.learning_rate:.3g}",
            f"{setting.l2:.3g}",
            _estimate(setting.valid),
        )
        for name, setting in settings.items()
    ]
    return Rows(columns, rows)


def about_tuning(tuning: Tuning) -> str:
    """Return a sentence about what tuning gained, and what the sampler did."""
    return (
        f"Tuning gained {_gap(tuning.tuning_gain)}. Over uniform sampling the sampler"
        f" gained {_gap(tuning.sampler_gain)} with both tuned and"
        f" {_gap(tuning.sampler_gain_before)} with neither tuned. Gains are measured by"
        " the validation metric that decided, so they lean to the high side."
    )


def comparison_rows(reports: Sequence[Report]) -> list[tuple[str, ...]]:
    """Return the rows of a table with a column per search, after their headings."""
    rows = [
        ("model", *(report.spec.model.label for report in reports)),
        ("loss", *(report.spec.loss.label for report in reports)),
        ("chosen", *(report.chosen_label for report in reports)),
        ("candidates", *(str(len(report.candidates)) for report in reports)),
        ("verdict", *(report.verdict.text for report in reports)),
    ]
    for name in dict.fromkeys(name for report in reports for name in report.test):
        tests = [report.test.get(name) for report in reports]
        cells = ("" if value is None else f"{value:.4f}" for value in tests)
        rows.append((f"test {name}", *cells))
    costs = [report.costs for report in reports]
    epochs = (str(cost.search.epochs + cost.retraining.epochs) for cost in costs)
    rows.append(("epochs of all trainings", *epochs))
    rows.append(("seconds in all", *(f"{cost.wall_seconds:.0f}" for cost in costs)))
    return rows

"""The model card of a bundle."""

from __future__ import annotations

from autosample.evaluation.bands import Band
from autosample.evaluation.significance import Comparison
from autosample.experiment.report import Report
from autosample.experiment.strategies.evidence import CandidateReport

CARD = """\
---
library_name: autosample
tags: [recommendation, implicit-feedback, negative-sampling]
---
# {model} with {chosen}

{verdict}

| split | {names} |
|---|{rule}
| validation | {valid} |
| test | {test} |

The test split was opened once, after every decision. Full ranking; training items (and,
for the test, validation items) are left out.{refit}

## Candidates

| sampler | validation {metric} | 95 % interval | against uniform | passes |
|---|---|---|---|---|
{candidates}

Intervals are over users. Candidates measured after different numbers of passes left the
race at different rungs.

{tuning}## Whom it serves

| third of the interactions | items | recall@{k} | ndcg@{k} | share of recommendations |
|---|---|---|---|---|
{bands}

Of the catalogue {coverage} is recommended to somebody. A recommended item has
{popularity} training pairs on average, what users chose themselves {held_out}. Of the
sampler's negatives at least {false} are items the user did like (uniform: {uniform}).

## Data

{users} users, {items} items; {train} training, {valid_pairs} validation and
{test_pairs} test pairs ({split}).

## Use

```python
import autosample
model = autosample.load("path/to/this/folder")
model.recommend(user, k=10)
```
"""


def model_card(report: Report) -> str:
    """Render a report as Markdown, without clocks."""
    names = list(report.valid)
    return CARD.format(
        model=report.spec.model.label,
        chosen=report.chosen_label,
        verdict=report.verdict.text,
        names=" | ".join(names),
        rule="---|" * len(names),
        valid=_row(report.valid, names),
        test=_row(report.test, names),
        refit=_refit(report),
        metric=report.spec.metric,
        candidates="\n".join(_candidate(each) for each in report.candidates),
        tuning=_tuning(report),
        k=report.reach.k,
        bands="\n".join(_band(each) for each in report.reach.bands),
        coverage=f"{report.reach.coverage:.1%}",
        popularity=f"{report.reach.popularity:.0f}",
        held_out=f"{report.reach.held_out_popularity:.0f}",
        false=f"{report.false_negatives.sampler.mean:.2%}",
        uniform=f"{report.false_negatives.uniform:.2%}",
        users=report.dataset.users,
        items=report.dataset.items,
        train=report.split.train,
        valid_pairs=report.split.valid,
        test_pairs=report.split.test,
        split=report.split.kind,
    )


def _refit(report: Report) -> str:
    if report.refit is None:
        return ""
    metric = report.spec.metric
    return (
        f" The validation row is of the model before its last {report.refit.epochs}"
        " passes, which were over training and validation pairs; its test"
        f" {metric} was {report.refit.test_before[metric]:.4f}."
    )


def _tuning(report: Report) -> str:
    found = report.tuning
    if found is None:
        return ""
    rows = [
        f"| {name} | {each.sampler.label} | {each.learning_rate:.3g} | {each.l2:.3g} |"
        f" {each.valid.mean:.4f} |"
        for name, each in (
            ("chosen", found.chosen),
            ("chosen, as listed", found.chosen_before),
            ("uniform", found.uniform),
            ("uniform, as listed", found.uniform_before),
        )
    ]
    gains = (
        f"Tuning gained {_gap(found.tuning_gain)}, the sampler"
        f" {_gap(found.sampler_gain)} (before tuning"
        f" {_gap(found.sampler_gain_before)}), by the validation metric that all were"
        " chosen by."
    )
    head = "| | sampler | learning rate | l2 | validation |\n|---|---|---|---|---|\n"
    return f"## Tuning\n\n{head}{chr(10).join(rows)}\n\n{gains}\n\n"


def _gap(gap: Comparison) -> str:
    return f"{gap.difference:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]"


def _row(means: dict[str, float], names: list[str]) -> str:
    return " | ".join(f"{means[name]:.4f}" for name in names)


def _band(each: Band) -> str:
    cells = (
        each.name,
        str(each.items),
        f"{each.recall:.4f}",
        f"{each.ndcg:.4f}",
        f"{each.recommended:.1%}",
    )
    return f"| {' | '.join(cells)} |"


def _candidate(each: CandidateReport) -> str:
    if each.metric is None:
        return f"| {each.name} | {each.error or 'not measured'} | | | {each.epochs} |"
    gap = each.versus_uniform
    against = "" if gap is None else _gap(gap)
    if gap is not None and not each.was_beside_uniform:
        against += f" after {each.versus_uniform_after}"
    metric = each.metric
    cells = (
        each.name,
        f"{metric.mean:.4f}",
        f"{metric.low:.4f} to {metric.high:.4f}",
        against,
        str(each.epochs),
    )
    return f"| {' | '.join(cells)} |"

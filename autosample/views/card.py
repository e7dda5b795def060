"""The model card of a bundle."""

from __future__ import annotations

from autosample.experiment.report import Report
from autosample.views.rows import (
    about_false_negatives,
    about_reach,
    about_tuning,
    band_rows,
    candidate_rows,
    metric_rows,
    remarks,
    tuning_rows,
)

CARD = """\
---
library_name: autosample
tags: [recommendation, implicit-feedback, negative-sampling]
---
# {model} with {chosen}

{verdict}

{metrics}

{remarks}

## Candidates

{candidates}

The intervals are over users. Candidates with fewer epochs left the search earlier, and
were measured last when they did.

{tuning}## Whom it serves

{bands}

{reach} {false_negatives}

## Data

{dataset}: {users} users, {items} items; {train} training, {valid} validation and {test}
test pairs ({split}).{readings}

## Use

```python
import autosample
model = autosample.load("path/to/this/folder")
model.recommend(user, k=10)
```
"""


def model_card(report: Report) -> str:
    """Render a report as Markdown; nothing in it depends on time or machine."""
    return CARD.format(
        model=report.spec.model.label,
        chosen=report.chosen_label,
        verdict=report.verdict.text,
        metrics=metric_rows(report).markdown(),
        remarks=" ".join(remarks(report)),
        candidates=candidate_rows(report).markdown(),
        tuning=_tuning(report),
        bands=band_rows(report.reach).markdown(),
        reach=about_reach(report.reach),
        false_negatives=about_false_negatives(report),
        dataset=report.spec.dataset,
        users=report.dataset.users,
        items=report.dataset.items,
        train=report.split.train,
        valid=report.split.valid,
        test=report.split.test,
        split=report.split.kind,
        readings=_readings(report),
    )


def _readings(report: Report) -> str:
    """Say how the files were read, and what seemed odd in them."""
    stats = report.dataset
    lines = [reading.sentence for reading in stats.readings]
    lines += [f"Warning: {warning}" for warning in stats.warnings]
    return "\n\n" + "\n".join(f"- {line}" for line in lines) if lines else ""


def _tuning(report: Report) -> str:
    if report.tuning is None:
        return ""
    table = tuning_rows(report.tuning).markdown()
    return f"## Tuning\n\n{table}\n\n{about_tuning(report.tuning)}\n\n"

"""What is drawn is what happened, and a table says the same."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import autosample
from autosample.core.events import RungEnded
from autosample.core.progress import Progress
from autosample.data.synthetic import Synthetic
from autosample.experiment.report import Report
from autosample.views.chart import Chart, short
from autosample.views.charts import of_report, of_story
from autosample.views.page import in_script, report_page
from autosample.views.story import Story

DATA = Synthetic(users=120, items=80, pairs_per_user=10).build().dataset
TOLD: list[Progress] = []


@pytest.fixture(scope="module")
def report() -> Report:
    TOLD.clear()
    result = autosample.search(
        DATA, training={"epochs": 12}, verify=True, seeds=(0, 1), tell=TOLD.append
    )
    return result.report


def by_id(charts: list[Chart]) -> dict[str, Chart]:
    return {chart.id: chart for chart in charts}


def test_a_report_has_every_chart(report: Report) -> None:
    found = by_id(of_report(report))
    names = ["bands", "candidates", "cost", "curves", "training", "weights"]
    assert sorted(found) == names
    for chart in found.values():
        assert chart.table.rows
        assert all(len(row) == len(chart.table.columns) for row in chart.table.rows)
        json.dumps(chart.json(), allow_nan=False)


def test_events_tell_the_same_curves_as_the_report(report: Report) -> None:
    happened = [(each.stage, each.event) for each in TOLD]
    story = Story.of_events(report.spec.metric, happened)
    assert story.curves == {each.name: each.points for each in report.curves}
    assert story.candidates == tuple(each.name for each in report.candidates)
    assert story.chosen == report.chosen_label
    # What a lost attempt told before, the next tells again.
    again = Story.of_events(report.spec.metric, [*happened[:40], *happened])
    assert again.curves == story.curves


def test_candidates_have_intervals_while_they_compete(report: Report) -> None:
    happened = [(each.stage, each.event) for each in TOLD]
    live = by_id(of_story(Story.of_events(report.spec.metric, happened)))["candidates"]
    final = by_id(of_report(report))["candidates"]
    assert live.data[0]["y"] == final.data[0]["y"]
    for name in ("array", "arrayminus"):
        ours, theirs = (each.data[0]["error_x"][name] for each in (live, final))
        assert ours == pytest.approx(theirs, abs=2e-6)


def test_who_left_the_race_is_told_where(report: Report) -> None:
    rows = by_id(of_report(report))["curves"].table.rows
    fates = {row[0]: row[-1] for row in rows}
    assert fates.pop(report.chosen_label) == "chosen"
    names = {each.name for each in report.candidates}
    told = {fates[name].split(" at ")[0] for name in fates if name in names}
    assert told == {"left", "not chosen"}
    assert all(fates[name] == "" for name in fates if name not in names)


def test_a_candidate_has_one_colour_in_all_charts(report: Report) -> None:
    colours: dict[str, set[str]] = {}
    for chart in of_report(report):
        if chart.id in ("curves", "weights"):
            for line in chart.data:
                colours.setdefault(line["name"], set()).add(line["line"]["color"])
    assert len(colours) >= len(report.candidates)
    assert all(len(each) == 1 for each in colours.values())


def test_weights_of_a_mixture_are_drawn_by_passes() -> None:
    result = autosample.search(
        DATA,
        candidates=[{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
        strategy={"kind": "mixture", "epochs": 5},
        training={"epochs": 5},
    )
    chart = by_id(of_report(result.report))["weights"]
    assert [len(line["y"]) for line in chart.data] == [5, 5]
    first = sum(line["y"][0] for line in chart.data)
    assert first == pytest.approx(1.0)


def test_exhaustive_search_is_drawn_too() -> None:
    result = autosample.search(
        DATA,
        candidates=[{"kind": "uniform"}, {"kind": "dns", "pool": 4}],
        strategy={"kind": "exhaustive"},
        training={"epochs": 4},
        seeds=(0, 1),
    )
    found = by_id(of_report(result.report))
    assert len(found["curves"].data) == 4
    assert "weights" not in found


def test_a_rung_may_have_no_weights() -> None:
    """As those of asha."""
    rung = RungEnded(rung=1, metrics={"a": 0.1, "b": 0.2}, kept=("b",))
    story = Story("ndcg@20", ("a", "b"), {"a": {1: 0.1}, "b": {1: 0.2}}, [rung])
    assert list(by_id(of_story(story))) == ["curves"]


def test_names_fit_and_still_differ() -> None:
    found = autosample.SearchSpec.model_validate(
        {"dataset": "x", "loss": {"kind": "bsl"}}
    )
    names = [sampler.label for sampler in found.samplers]
    assert max(map(len, names)) > 60
    assert max(len(short(name)) for name in names) <= 36
    assert len({short(name) for name in names}) == len(names)


def test_who_failed_in_the_first_pass_has_no_curve_and_spoils_none(
    report: Report,
) -> None:
    first, *others = report.curves
    failed = first.model_copy(update={"metric": (), "epochs": None})
    changed = report.model_copy(update={"curves": (failed, *others)})
    chart = by_id(of_report(changed))["curves"]
    assert [row[0] for row in chart.table.rows] == [each.name for each in others]
    assert report_page(changed)


def test_nothing_is_drawn_of_nothing() -> None:
    assert of_story(Story("ndcg@20")) == []


def test_a_report_page_is_whole_and_the_same_again(report: Report) -> None:
    page = report_page(report)
    assert page == report_page(report)
    assert report.verdict.text.split(":")[0] in page
    own = page[: page.index("<script>")]  # Plotly's script holds addresses, unused
    assert not re.search(r"""(src|href)=""", own)
    [told] = re.findall(r'id="chart-data">(.*?)</script>', page)
    charts: list[dict[str, Any]] = json.loads(told)
    assert charts == [chart.json() for chart in of_report(report)]


def test_data_in_a_script_cannot_end_it() -> None:
    text = str(in_script({"name": "</script><script>alert(1)"}))
    assert "<" not in text
    assert json.loads(text) == {"name": "</script><script>alert(1)"}

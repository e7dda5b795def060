"""Estimate the cost of a search in a process of its own, within limits."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

from autosample.core.apart import Limits, answer_request, run_apart
from autosample.data.dataset import Dataset
from autosample.experiment.forecast import Forecast, forecast
from autosample.experiment.prepare import fit_metrics, prepare
from autosample.jobs.datasets import place_of
from autosample.jobs.files import Files
from autosample.spec import SearchSpec


def forecast_apart(spec: SearchSpec, artifacts: str, limits: Limits) -> Forecast:
    """Return what a search would cost, by a timed probe on this machine.

    `artifacts` is the URL of the service's files. Raises DataError and SpecError where
    data and spec do not fit, or a limit was met.
    """
    request = {"spec": spec.model_dump(mode="json"), "artifacts": artifacts}
    answer = run_apart("autosample.jobs.estimate", request, limits, "the estimate")
    return Forecast.model_validate_json(answer)


def _answer(request: Mapping[str, Any]) -> str:
    spec = SearchSpec.model_validate(request["spec"])
    with Files(request["artifacts"]).local(place_of(spec.dataset)) as folder:
        dataset = Dataset.load(folder)
    spec = fit_metrics(spec, dataset)
    return forecast(spec, prepare(spec, dataset)).model_dump_json()


if __name__ == "__main__":
    sys.exit(answer_request(_answer))

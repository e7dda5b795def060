"""What scripts of the pages know of the service is what the service does."""

from __future__ import annotations

import re
from importlib.resources import files

from autosample.jobs.events import JOB_KINDS
from autosample.jobs.state import FINAL


def script(name: str) -> str:
    return files("api").joinpath("web", name).read_text("utf-8")


def test_a_jobs_page_hears_every_kind_of_event_and_no_other() -> None:
    [table] = re.findall(r"const SENTENCES = \{\n(.*?)\n\};", script("job.js"), re.S)
    kinds = re.findall(r"^  (\w+):", table, re.M)
    assert sorted(kinds) == sorted(JOB_KINDS)


def test_pages_know_in_which_states_a_job_has_ended() -> None:
    [states] = re.findall(r"FINAL: (\[.*?\])", script("page.js"))
    assert set(re.findall(r'"(\w+)"', states)) == {state.value for state in FINAL}

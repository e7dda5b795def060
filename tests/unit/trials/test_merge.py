"""Branches end at an average of epochs; a merged trial is an average of trials."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from autosample.core.tensors import State
from autosample.samplers import DNS, UniformSampler
from autosample.training import Epoch
from autosample.training.trainer import under
from autosample.trials import Request, Trial, TrialResult
from autosample.trials.checkpoints import FolderCheckpoints
from autosample.trials.run import InProcessRunner
from autosample.trials.trial import Share
from tests.fakes import SPLIT, quiet, same, trial

WEIGHTS = (0.75, 0.25)


def run(request: Request) -> TrialResult:
    [result] = InProcessRunner(SPLIT).run([request], quiet)
    return result


def branch(name: str = "t", own_epochs: int = 4, **changes: object) -> Trial:
    fields: dict[str, object] = {
        "candidates": (UniformSampler(),),
        "stop_early": False,
        "own_epochs": own_epochs,
    }
    plain = trial(name, epochs=9)
    return Trial.model_validate(dict(plain) | fields | changes)


def table(result: TrialResult, prefix: str = "best.") -> torch.Tensor:
    return under(result.load_state(), prefix)["users"]


def merged(parts: list[TrialResult]) -> Request:
    shares = tuple(
        Share(trial=part.trial.digest, weight=weight)
        for part, weight in zip(parts, WEIGHTS, strict=True)
    )
    samplers = tuple(part.trial.candidates[0] for part in parts)
    fields: dict[str, object] = {"candidates": samplers, "begun": 4, "merged": shares}
    soup = Trial.model_validate(dict(trial("soup", epochs=9)) | fields)
    return Request(soup, None, tuple(parts))


def two() -> list[TrialResult]:
    return [
        run(Request(branch())),
        run(Request(branch(candidates=(DNS(pool=4),)))),
    ]


def test_a_branch_ends_at_the_mean_of_its_last_epochs() -> None:
    at = [table(run(Request(branch(own_epochs=n))), "model.") for n in (3, 4)]
    ended = run(Request(branch(average_from=3)))
    assert table(ended).allclose(torch.stack(at).mean(0), atol=1e-6)
    assert ended.best_epoch == ended.total_epochs == 4
    model = ended.best_model(SPLIT)
    again = run(Request(branch(average_from=3)))
    assert model.state_dict()["users"].equal(table(again))


def test_a_branch_counts_epochs_on_from_its_parent() -> None:
    parent = run(Request(branch()))
    follows = branch(start=parent.trial.digest, begun=4, own_epochs=3, average_from=6)
    result = run(Request(follows, parent))
    assert [epoch.number for epoch in result.history] == [5, 6, 7]
    assert result.total_epochs == 7


def test_an_interrupted_branch_goes_on_to_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("autosample.trials.run.SAVE_EVERY", 0.0)
    request = Request(branch(own_epochs=5, average_from=3))
    runner = InProcessRunner(SPLIT, FolderCheckpoints(tmp_path.as_uri()))

    def stop(_: Trial, epoch: Epoch) -> None:
        if epoch.number == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runner.run([request], stop)
    [resumed] = runner.run([request], quiet)
    assert same(resumed, run(request))


def test_a_merged_trial_is_the_weighted_mean_and_is_ranked() -> None:
    parts = two()
    result = run(merged(parts))
    expected = sum(w * table(p) for w, p in zip(WEIGHTS, parts, strict=True))
    assert isinstance(expected, torch.Tensor)
    assert table(result).allclose(expected, atol=1e-6)
    assert result.best == pytest.approx(result.best_U.mean())
    assert len(result.best_U) == len(parts[0].best_U)
    assert result.pair_updates == 0
    assert result.total_epochs == result.best_epoch == 4


def test_a_trial_starts_from_an_average_as_from_any_other() -> None:
    parent = run(merged(two()))
    follows = branch(start=parent.trial.digest, begun=4, own_epochs=1)
    assert run(Request(follows, parent)).history[0].number == 5


def test_a_stored_average_is_not_made_again(tmp_path: Path) -> None:
    request = merged(two())
    runner = InProcessRunner(SPLIT, FolderCheckpoints(tmp_path.as_uri()))
    [first] = runner.run([request], quiet)
    [again] = runner.run([request._replace(parts=())], quiet)
    assert same(first, again)


def test_trials_without_branches_keep_their_digests() -> None:
    text = trial().model_dump_json()
    assert not any(f'"{n}"' in text for n in ("begun", "average_from", "merged"))
    assert '"average"' not in text


def test_averages_of_whole_trainings_are_stopped_early_and_returned() -> None:
    plain = trial(epochs=30, candidates=(UniformSampler(),))
    training = plain.training.model_copy(update={"average": True})
    result = run(Request(plain.model_copy(update={"training": training})))
    state: State = result.load_state()
    assert not table(result).equal(under(state, "model.")["users"])
    assert result.best == max(epoch.metric for epoch in result.history)
    # What it would have been without averages is known as well.
    apart = run(Request(plain.model_copy(update={"stop_early": False})))
    metrics = [epoch.metric for epoch in apart.history][: len(result.history)]
    assert result.plain_U is not None
    assert result.plain_U.mean() == pytest.approx(max(metrics))
    again, _ = TrialResult.from_bytes(result.without_state().to_bytes(done=True))
    assert again.plain_U is not None
    assert again.plain_U.tolist() == result.plain_U.tolist()

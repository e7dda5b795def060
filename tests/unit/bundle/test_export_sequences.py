"""Exported sequence models train as they are, or are refused with a sentence."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import yaml

from autosample.bundle.export_sequences import pytorch, recbole
from autosample.errors import SpecError
from autosample.losses import FullSoftmax, InfoNCE, SampledSoftmax
from autosample.models import GRU4Rec, SASRec
from autosample.samplers import DNS, UniformSampler
from autosample.trials.recipe import Recipe

SMALL = SASRec(width=16, layers=1, length=6, dropout=0.1)
SHARED = UniformSampler(negatives=8, shared=True)
CIRCLE = [[(user + step) % 20 for step in range(8)] for user in range(60)]


def trained(code: str, epochs: int) -> Any:
    module: dict[str, Any] = {}
    exec(compile(code, "exported.py", "exec"), module)
    return module["train"](CIRCLE, 20, epochs=epochs, batch=16)


@pytest.mark.parametrize("loss", [SampledSoftmax(), InfoNCE(temperature=0.2)])
def test_an_exported_loop_learns_to_walk_around_a_circle(
    loss: SampledSoftmax | InfoNCE,
) -> None:
    recipe = Recipe(sampler=SHARED, loss=loss, learning_rate=0.01)
    model = trained(pytorch(recipe, SMALL), epochs=30).eval()
    with torch.no_grad():
        table = model.items.weight[:20]
        rows = table / table.norm(dim=1, keepdim=True) if loss.cosine else table
        for first in range(20):
            window = (first + torch.arange(6)) % 20
            scores = rows @ model(window[None])[0, -1]
            scores[window] = -torch.inf  # no negative is among a user's own items
            assert int(scores.argmax()) == (first + 6) % 20


def test_two_runs_of_an_exported_loop_end_alike() -> None:
    code = pytorch(Recipe(sampler=SHARED, loss=SampledSoftmax()), SMALL)
    first, again = (trained(code, epochs=2).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)


def test_recbole_is_told_of_the_model_its_loss_and_its_negatives() -> None:
    full = Recipe(sampler=UniformSampler(), loss=FullSoftmax())
    for candidate, loss in ((UniformSampler(), "BPR"), (full, "CE")):
        told = yaml.safe_load(recbole(candidate, SMALL))
        assert told["model"] == "SASRec"
        assert told["loss_type"] == loss
        assert told["MAX_ITEM_LIST_LENGTH"] == 6
        assert (told["train_neg_sample_args"] is None) == (loss == "CE")
    assert yaml.safe_load(recbole(full, GRU4Rec()))["model"] == "GRU4Rec"


def test_what_cannot_be_exported_is_refused_with_a_way_out() -> None:
    soft = Recipe(sampler=SHARED, loss=SampledSoftmax())
    with pytest.raises(SpecError, match="export to pytorch instead"):
        recbole(soft, SMALL)
    with pytest.raises(SpecError, match="looks at the scores of every step"):
        pytorch(DNS(pool=4), SMALL)
    with pytest.raises(SpecError, match="written for sasrec"):
        pytorch(soft, GRU4Rec())

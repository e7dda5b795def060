"""Item rows that lag behind until they are read, against steps of the whole tables."""

import pytest
import torch

from autosample.data.order import Batch
from autosample.data.splits import Split
from autosample.evaluation.metrics import Metric
from autosample.losses import FullSoftmax, Loss, SampledSoftmax
from autosample.models import MF, SASRec, build, export
from autosample.optimizers import Adagrad, Adam
from autosample.samplers import DNS, Observed, Sampler, UniformSampler
from autosample.testing.sequences import walks
from autosample.training import FixedWeights, Trainer, Training
from autosample.training.steps.automatic import AutomaticSteps
from autosample.training.steps.lagging import LaggingSteps
from autosample.training.supernet import Supernet, equal_weights

WALKS = walks()
# Dropout spreads the rounding of gradients that are nearly zero.
SMOOTH = SASRec(width=8, length=10, dropout=0)
SPLIT = Split(WALKS, WALKS.none, WALKS.none)


def trained(
    config: SASRec, loss: Loss, sampler: Sampler, *, lagging: bool, clip: float | None
) -> dict[str, torch.Tensor]:
    model = build(config, WALKS, torch.Generator().manual_seed(0))
    adam = Adam(beta2=0.98, weight_decay=0.0 if lagging else 1e-30)
    settings = Training(
        epochs=2, batch_size=32, learning_rate=0.01, l2=0.01, optimizer=adam, clip=clip
    )
    supernet = Supernet([sampler], Observed(WALKS), loss)
    trainer = Trainer(model, supernet, SPLIT, settings, Metric("hit@1"))
    kind = LaggingSteps if lagging else AutomaticSteps
    assert type(trainer.steps) is kind
    for _ in trainer.epochs(FixedWeights(equal_weights(1))):
        pass
    with torch.no_grad():
        return export(model, WALKS)


@pytest.mark.parametrize(
    "config",
    [SMOOTH, SMOOTH.model_copy(update={"tied": False, "cosine": True})],
    ids=["tied", "untied cosines"],
)
@pytest.mark.parametrize("clip", [None, 0.1], ids=["", "clipped"])
@pytest.mark.parametrize(
    ("loss", "sampler"),
    [
        (SampledSoftmax(), UniformSampler(negatives=4, shared=True)),
        (SampledSoftmax(), DNS(pool=6, negatives=2)),
        (FullSoftmax(), UniformSampler()),
    ],
    ids=["shared", "dns", "all"],
)
def test_rows_that_lag_end_where_steps_of_the_whole_table_do(
    config: SASRec, clip: float | None, loss: Loss, sampler: Sampler
) -> None:
    """To rounding. A weight decay of nearly nothing has torch step the whole tables.

    Rows are compared, not parameters: a shift of all keys changes nothing, so that it
    drifts with the rounding of its gradient, which is zero.
    """
    ours, theirs = (
        trained(config, loss, sampler, lagging=lagging, clip=clip)
        for lagging in (True, False)
    )
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=1e-2, atol=1e-3)


@pytest.mark.parametrize("kind", ["adam", "adagrad"])
def test_a_softmax_over_all_items_trains_factors_as_torch_does(kind: str) -> None:
    """MF's rows lag under Adam as well, and here every step reads them all."""
    model = build(MF(width=8), WALKS, torch.Generator().manual_seed(0))
    optimizer = {"adam": Adam(), "adagrad": Adagrad()}[kind]
    settings = Training(
        epochs=2, batch_size=64, learning_rate=0.01, l2=0.0, optimizer=optimizer
    )
    supernet = Supernet([UniformSampler()], Observed(WALKS), FullSoftmax())
    trainer = Trainer(model, supernet, SPLIT, settings, Metric("hit@1"))
    theirs = [torch.nn.Parameter(t.clone()) for t in model.parameters()]
    step = {"adam": torch.optim.Adam, "adagrad": torch.optim.Adagrad}[kind](
        theirs, lr=0.01
    )
    order = trainer.order_rng.get_state()
    for _ in trainer.epochs(FixedWeights(equal_weights(1))):
        pass
    again = torch.Generator()
    again.set_state(order)
    for _ in range(2):
        for batch in trainer.order.batches(again):
            pairs = trainer.pairs(batch)
            scores = theirs[0][pairs.queries.users_B] @ theirs[1].T
            step.zero_grad()
            torch.nn.functional.cross_entropy(scores, pairs.items_B).backward()  # type: ignore[no-untyped-call]
            step.step()
    for ours, expected in zip(model.parameters(), theirs, strict=True):
        torch.testing.assert_close(ours, expected, rtol=1e-3, atol=1e-4)


def test_a_training_that_is_stored_goes_on_to_the_same_bytes() -> None:
    def trainer() -> Trainer:
        model = build(SASRec(width=8, length=10), WALKS, torch.Generator())
        settings = Training(epochs=4, batch_size=32, learning_rate=0.01, l2=0.0)
        sampler = UniformSampler(negatives=4, shared=True)
        supernet = Supernet([sampler], Observed(WALKS), SampledSoftmax())
        return Trainer(model, supernet, SPLIT, settings, Metric("hit@1"))

    weights = FixedWeights(equal_weights(1))
    whole, first, second = trainer(), trainer(), trainer()
    list(whole.epochs(weights))
    for epoch in first.epochs(weights):
        if epoch.number == 2:
            break
    stored = {name: t.clone() for name, t in first.state(weights).items()}
    second.load(stored, weights)
    list(second.epochs(weights))
    for name, tensor in whole.model.state_dict().items():
        assert torch.equal(tensor, second.model.state_dict()[name])


def test_a_pair_is_trained_on_what_came_before_it() -> None:
    """The gradient of a pair reaches no later item as an input."""
    model = build(SASRec(width=8, length=10, tied=False), WALKS, torch.Generator())
    settings = Training(batch_size=32, learning_rate=0.01, l2=0.0)
    sampler = UniformSampler(negatives=4, shared=True)
    supernet = Supernet([sampler], Observed(WALKS), SampledSoftmax())
    trainer = Trainer(model, supernet, SPLIT, settings, Metric("hit@1"))
    user = int(WALKS.degrees_U.argmax())
    row = int(WALKS.starts_U1[user]) + 3
    before = model.state_dict()["inputs"].clone()
    trainer.step(trainer.pairs(Batch(torch.tensor([row]))), equal_weights(1))
    moved = (model.state_dict()["inputs"] != before).any(1).nonzero()[:, 0].tolist()
    assert set(moved) == set(WALKS.items_of(user)[:3].tolist())

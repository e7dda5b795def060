"""Every model keeps the contract, with inner products and with cosines."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from autosample.core.types import Queries
from autosample.data.synthetic import Synthetic
from autosample.models import MF, MODELS, NGCF, LightGCN, SASRec, TwoTower, build
from autosample.models.graph import normalized_adjacency
from autosample.testing import toys
from autosample.testing.models import ModelContract
from autosample.training import Training

LONGER = Training(epochs=150, batch_size=32, patience=150)


class TestMF(ModelContract):
    config = MF(width=16)


class TestMFWithBiases(ModelContract):
    config = MF(width=16, biases=True)


class TestMFCosine(ModelContract):
    config = MF(width=16, cosine=True)


class TestLightGCN(ModelContract):
    config = LightGCN(width=16, layers=2)
    training = LONGER


class TestLightGCNCosine(ModelContract):
    config = LightGCN(width=16, layers=2, cosine=True)
    training = LONGER


class TestNGCF(ModelContract):
    config = NGCF(width=16, layers=2)
    training = LONGER


class TestNGCFCosine(ModelContract):
    config = NGCF(width=16, layers=2, cosine=True)
    training = LONGER


class TestTwoTower(ModelContract):
    config = TwoTower(width=16, hidden=32)


class TestTwoTowerCosine(ModelContract):
    config = TwoTower(width=16, hidden=32, cosine=True)


class TestSASRec(ModelContract):
    config = SASRec(width=16, layers=1, heads=2)
    training = LONGER


class TestSASRecCosine(ModelContract):
    config = SASRec(width=16, layers=1, cosine=True)
    training = LONGER


class TestSASRecUntiedPostNorm(ModelContract):
    config = SASRec(width=16, layers=1, norm="post", tied=False, scale=True)
    training = LONGER


class TestSASRecGated(ModelContract):
    config = SASRec(width=16, layers=1, norm="ligr", length=8)
    training = LONGER


def test_every_registered_model_runs_the_contract() -> None:
    tested = {type(suite.config) for suite in ModelContract.__subclasses__()}
    assert tested == set(MODELS.all)


def test_biases_are_added_to_inner_products() -> None:
    model = build(MF(width=4, biases=True), toys.TRAIN, torch.Generator())
    with torch.no_grad():
        for table in model.parameters():
            table[:, -1] = torch.arange(float(len(table)))
    scorer = model()
    users = torch.arange(4)
    found = (
        scorer.queries(Queries.of_users(toys.HISTORY, users)).scored
        @ scorer.all_items().T
    )
    user_UD, item_ID = (table.detach() for table in model.parameters())
    plain = user_UD[:, :4] @ item_ID[:, :4].T
    expected = plain + torch.arange(4.0)[:, None] + torch.arange(6.0)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("layers", [1, 3])
def test_ngcf_is_its_papers_formula_on_a_dense_graph(layers: int) -> None:
    """E' = LeakyReLU((L + I) E W1 + b1) + LeakyReLU((L E * E) W2 + b2), rows of length
    one, side by side; the official code has the sum of two activations."""
    train = Synthetic(users=20, items=15).build().dataset.train
    rng = torch.Generator().manual_seed(0)
    model = build(NGCF(width=5, layers=layers), train, rng)
    state = {name: t.double().numpy() for name, t in model.state_dict().items()}
    adjacency = normalized_adjacency(train).to_dense().double().numpy()

    def leaky(x: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.maximum(x, 0.2 * x)

    nodes = state["embeddings"]
    blocks = [nodes]
    for hop in range(layers):
        near = adjacency @ nodes
        nodes = leaky((near + nodes) @ state["sums"][hop]) + leaky(
            (near * nodes) @ state["products"][hop]
        )
        blocks.append(nodes / np.linalg.norm(nodes, axis=1, keepdims=True))
    expected = np.concatenate(blocks, 1)[train.num_users :]
    found = model().all_items().detach().numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)

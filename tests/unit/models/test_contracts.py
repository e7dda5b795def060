"""Every model keeps the contract, with inner products and with cosines."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from autosample.core.types import Queries
from autosample.data.history import history_of
from autosample.data.synthetic import Synthetic
from autosample.models import (
    MF,
    MODELS,
    NGCF,
    GRU4Rec,
    LightGCN,
    SASRec,
    TwoTower,
    build,
)
from autosample.models.graph import normalized_adjacency
from autosample.testing import toys
from autosample.testing.models import ModelContract
from autosample.testing.sequences import SequenceContract, states, walks
from autosample.training import Training

RNG = torch.Generator().manual_seed(0)
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


class TestSASRec(SequenceContract):
    config = SASRec(width=16, layers=1, heads=2, length=10)
    training = LONGER


class TestSASRecCosine(SequenceContract):
    config = SASRec(width=16, layers=1, cosine=True, length=10)
    training = LONGER


class TestSASRecUntiedPostNorm(SequenceContract):
    config = SASRec(width=16, layers=1, norm="post", tied=False, scale=True, length=10)
    training = LONGER


class TestSASRecGated(SequenceContract):
    config = SASRec(width=16, layers=1, norm="ligr", length=8)
    training = LONGER


class TestGRU4Rec(SequenceContract):
    config = GRU4Rec(width=16, length=10)
    training = LONGER


class TestGRU4RecCosineOfTwoLayers(SequenceContract):
    config = GRU4Rec(width=16, layers=2, length=10, cosine=True)
    training = LONGER


def test_gru4rec_is_torchs_recurrent_network() -> None:
    pairs = walks()
    config = GRU4Rec(width=6, layers=2, length=8, dropout=0)
    model = build(config, pairs, torch.Generator().manual_seed(0))
    state = model.state_dict()
    with torch.random.fork_rng():
        gru = torch.nn.GRU(6, 6, num_layers=2, batch_first=True)
    names = [name for name, _ in gru.named_parameters()]
    gru.load_state_dict({n: state[f"weights.{at}"] for at, n in enumerate(names)})
    user = int(pairs.degrees_U.argmax())
    window = torch.from_numpy(pairs.items_of(user)[-8:].astype(np.int64))
    expected, _ = gru(state["inputs"][window][None])
    queries = Queries.of_users(history_of(pairs), torch.tensor([user]))
    found = states(model(), queries)[0]
    torch.testing.assert_close(found, expected[0, -1].detach())


def test_every_registered_model_runs_the_contract() -> None:
    tested = {
        type(suite.config)
        for contract in (ModelContract, SequenceContract)
        for suite in contract.__subclasses__()
        if suite is not SequenceContract
    }
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


def test_sasrec_is_a_transformer_over_left_padded_windows() -> None:
    """In float64, one slot after the other, with the window's slots as positions."""
    config = SASRec(width=6, layers=2, heads=2, length=8, dropout=0)
    pairs = walks()
    model = build(config, pairs, torch.Generator().manual_seed(0))
    with torch.no_grad():
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.5, generator=RNG)
    p = {name: t.double().numpy() for name, t in model.state_dict().items()}

    def normal(x: NDArray[np.float64], name: str) -> NDArray[np.float64]:
        x = (x - x.mean(1, keepdims=True)) / np.sqrt(x.var(1, keepdims=True) + 1e-8)
        scaled: NDArray[np.float64] = x * p[f"{name}.scale"] + p[f"{name}.shift"]
        return scaled

    def attend(x: NDArray[np.float64], at: str) -> NDArray[np.float64]:
        asked = x @ p[f"{at}.inward"] + p[f"{at}.inward_shift"]
        out = np.zeros_like(x)
        for head in range(2):
            mine = slice(3 * head, 3 * head + 3)
            q, k, v = (part[:, mine] for part in np.split(asked, 3, axis=1))
            for t in range(len(x)):
                law = np.exp(k[: t + 1] @ q[t] / 3**0.5)
                out[t, mine] = law @ v[: t + 1] / law.sum()
        made: NDArray[np.float64] = out @ p[f"{at}.outward"] + p[f"{at}.outward_shift"]
        return made

    user = int(pairs.degrees_U.argmax())
    window = pairs.items_of(user)[-8:]
    x = p["inputs"][window] + p["ages"][::-1]
    for part in range(2):
        at = f"parts.{part}"
        x = x + attend(normal(x, f"{at}.before"), f"{at}.attention")
        hidden = normal(x, f"{at}.between") @ p[f"{at}.inward"]
        hidden = np.maximum(hidden + p[f"{at}.inward_shift"], 0)
        x = x + hidden @ p[f"{at}.outward"] + p[f"{at}.outward_shift"]
    queries = Queries.of_users(history_of(pairs), torch.tensor([user]))
    found = states(model(), queries)[0].numpy()
    np.testing.assert_allclose(found, normal(x, "last")[-1], rtol=1e-4, atol=1e-5)


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

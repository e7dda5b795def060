import numpy as np
import torch

from autosample.core.types import Queries, Rows
from autosample.data.history import history_of
from autosample.data.splits import RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.evaluation.cases import make_cases
from autosample.evaluation.metrics import Metric
from autosample.evaluation.ranking import CASES, Ranking
from autosample.models import MF

SPLIT = RandomSplit().apply(Synthetic(users=300, items=120).build().dataset, seed=0)


def test_ranking_agrees_with_sorting_every_users_items() -> None:
    model = MF(width=8).build(SPLIT.train, torch.Generator().manual_seed(0))
    found = Ranking(make_cases(SPLIT.test, SPLIT.train), k=10).hits(model())
    assert len(found.owners_Q) > CASES  # more than one block
    scorer = model()
    users = torch.from_numpy(found.owners_Q)
    with torch.no_grad():
        queries = Queries.of_users(history_of(SPLIT.train), users)
        scores = (scorer.queries(queries).scored @ scorer.all_items().T).numpy()
    for row, user in enumerate(found.owners_Q.tolist()):
        trained = set(SPLIT.train.items_of(user).tolist())
        order = [i for i in np.argsort(-scores[row]).tolist() if i not in trained]
        held = set(SPLIT.test.items_of(user).tolist())
        assert found.hits_QK[row].tolist() == [item in held for item in order[:10]]
        assert found.relevant_Q[row] == len(held)


def test_a_training_item_is_never_a_hit_however_high_it_scores() -> None:
    model = MF(width=8).build(SPLIT.train, torch.Generator().manual_seed(0))
    hits = Ranking(make_cases(SPLIT.train, SPLIT.train), k=10).hits(model())
    # Everything held out is masked: only users with under 10 items left see any.
    left = SPLIT.train.num_items - SPLIT.train.degrees_U[hits.owners_Q]
    assert not hits.hits_QK[left >= 10].any()


def test_a_perfect_model_scores_one() -> None:
    held = SPLIT.valid

    class Oracle:
        num_layers = 1

        def queries(self, queries: Queries) -> Rows:
            rows = torch.zeros(len(queries.users_B), held.num_items)
            for row, user in enumerate(queries.users_B.tolist()):
                rows[row, torch.from_numpy(held.items_of(user).astype(np.int64))] = 1
            return Rows(rows, rows)

        def all_items(self) -> torch.Tensor:
            return torch.eye(held.num_items)

    hits = Ranking(make_cases(held, SPLIT.train), k=20).hits(Oracle())  # type: ignore[arg-type]
    assert hits.mean(Metric("ndcg@20")) == 1.0
    assert hits.mean(Metric("mrr@20")) == 1.0


def test_only_the_asked_users_are_ranked() -> None:
    model = MF(width=8).build(SPLIT.train, torch.Generator().manual_seed(0))
    some = np.array([3, 7, 11])
    cases = make_cases(SPLIT.test, SPLIT.train, users=some)
    hits = Ranking(cases, k=5).hits(model())
    assert set(hits.owners_Q.tolist()) <= {3, 7, 11}

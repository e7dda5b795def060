"""Every model keeps the contract."""

from autosample.models import MF, MODELS, LightGCN
from autosample.testing.models import ModelContract
from autosample.training import Training


class TestMF(ModelContract):
    config = MF(width=16)


class TestLightGCN(ModelContract):
    config = LightGCN(width=16, layers=2)
    training = Training(epochs=150, batch_size=32, patience=150)


def test_every_registered_model_runs_the_contract() -> None:
    tested = {type(suite.config) for suite in ModelContract.__subclasses__()}
    assert tested == set(MODELS)

"""What the example's own tests are: pytest runs the promises of each kind."""

from autosample_example import NonNegativeMF, PopularSoftmax, Sprint, SquaredHinge

from autosample.testing.losses import LossContract
from autosample.testing.models import ModelContract
from autosample.testing.samplers import SamplerContract
from autosample.testing.strategies import StrategyContract


class TestPopularSoftmax(SamplerContract):
    sampler = PopularSoftmax(pool=5)


class TestSquaredHinge(LossContract):
    loss = SquaredHinge()


class TestNonNegativeMF(ModelContract):
    config = NonNegativeMF()


class TestSprint(StrategyContract):
    strategy = Sprint(epochs=2)

"""Contract suites: the promises of each kind of plug-in. Subclass, name it, run pytest.

class TestMine(SamplerContract):
    sampler = MySampler(pool=8)

`samplers.SamplerContract`, `losses.LossContract`, `models.ModelContract` and
`strategies.StrategyContract`;
docs/plugins.md says what they check.
"""

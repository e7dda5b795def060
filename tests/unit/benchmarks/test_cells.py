"""Which data may be tuned on."""

from __future__ import annotations

import pytest

from benchmarks import data, truth
from benchmarks.cells import Role, datasets_of, role_of, sources


@pytest.mark.parametrize("name", [*data.FILES, *data.MADE])
def test_every_data_set_of_the_benchmarks_has_a_role(name: str) -> None:
    assert role_of(name) in Role


def test_both_roles_have_real_and_made_data() -> None:
    for role in Role:
        names = set(datasets_of(role))
        assert len(names & set(data.MADE)) == 2
        assert len(names & set(data.FILES)) >= 4


def test_forms_of_one_source_have_one_role() -> None:
    assert role_of("gowalla") is role_of("gowalla-irb") is Role.DESIGN
    names = [name for source in sources() for name in source.datasets]
    assert len(names) == len(set(names))


def test_defaults_were_tuned_on_design_data_only() -> None:
    assert {role_of(cell.dataset) for cell in truth.CELLS} == {Role.DESIGN}


def test_a_data_set_without_a_role_is_refused() -> None:
    with pytest.raises(KeyError, match=r"cells\.toml"):
        role_of("netflix")

"""docs/catalogue.md shows everything in the catalogue, as it is."""

from pathlib import Path

import pytest

from autosample.core.plugins import kind_of
from autosample.core.ranges import neighbours, ranges
from autosample.samplers import DNS, DNSMN, CustomSampler, Preset
from autosample.samplers.choices import Top
from autosample.spec.catalogue import CATALOGUE, catalogue
from autosample.spec.markdown import (
    PARTS,
    markdown,
    within,
)

PAGE = (Path(__file__).parents[3] / "docs" / "catalogue.md").read_text()


def test_the_page_shows_the_catalogue_as_it_is() -> None:
    """`make catalogue` brings the page up to date."""
    assert within(PAGE) == PAGE


@pytest.mark.parametrize("part", CATALOGUE)
def test_nothing_is_missing_from_the_tables(part: str) -> None:
    for entry in catalogue()[part]:
        assert f"\n| `{entry.kind}` | {entry.description.split()[0]}" in PAGE
        assert entry.paper[:80] in PAGE


def test_parts_of_samplers_are_in_the_tables_too() -> None:
    found = markdown()
    for configs in PARTS.values():
        for config in configs:
            assert f"| `{kind_of(config)}` |" in found


def test_continuous_and_ordered_settings_say_where_a_search_may_refine_them() -> None:
    schema = DNSMN.model_json_schema()["properties"]
    assert schema["pool"]["x-range"] == {"low": 8, "high": 512, "log": True}
    assert set(ranges(DNSMN())) == {"pool", "top", "guard"}
    for entry in catalogue()["samplers"]:
        for name in ("alpha", "tau", "pool"):
            field = entry.json_schema["properties"].get(name, {"x-range": 1})
            assert "x-range" in field, f"{entry.kind}.{name}"


def test_neighbours_are_a_step_away_and_valid() -> None:
    found = neighbours(DNS(pool=4, negatives=3))
    assert found == (DNS(pool=8, negatives=3), DNS(pool=4, negatives=3, guard=0.1))
    tops = {each.top for each in neighbours(Top(top=4)) if isinstance(each, Top)}
    assert tops == {2, 8}
    # A guard of four tenths would leave two of five: too few.
    assert all(isinstance(each, DNS) for each in neighbours(DNS(pool=2, negatives=2)))


def test_every_preset_is_a_point_of_the_product() -> None:
    """What its parts say is what `custom` would run."""
    for config in CATALOGUE["samplers"]():
        if not issubclass(config, Preset):
            continue
        parts = config(kind=kind_of(config)).parts
        CustomSampler(
            proposal=parts.proposal,
            pool=parts.pool,
            choice=parts.choice,
            synthesis=parts.synthesis,
            guard=parts.guard,
        )

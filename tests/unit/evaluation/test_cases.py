"""Cases are one per user or per held-out pair, and comparisons resample users."""

import numpy as np
import pytest

from autosample.data.interactions import Interactions
from autosample.data.splits import EvaluationProtocol, RandomSplit
from autosample.data.synthetic import Synthetic
from autosample.evaluation.cases import cases_of, make_cases
from autosample.evaluation.significance import compare, estimate


def pairs(*lists: list[int]) -> Interactions:
    users = np.repeat(np.arange(len(lists)), [len(items) for items in lists])
    items = np.array([item for items in lists for item in items], np.int64)
    return Interactions.from_pairs(users, items, num_users=len(lists), num_items=6)


KNOWN = pairs([0], [1, 2], [3])
HELD_OUT = pairs([4, 5], [], [0])


def test_a_case_per_user_has_all_of_the_users_held_out_items() -> None:
    cases = make_cases(HELD_OUT, KNOWN)
    assert cases.owners_Q.tolist() == [0, 2]
    assert cases.relevant_Q.tolist() == [2, 1]
    assert cases.clusters_Q is None


def test_a_case_per_interaction_has_one_right_answer() -> None:
    cases = make_cases(HELD_OUT, KNOWN, EvaluationProtocol(per="interaction"))
    assert cases.owners_Q.tolist() == [0, 0, 2]
    assert cases.relevant.items.tolist() == [4, 5, 0]
    assert cases.clusters_Q is not None


def test_nothing_is_masked_where_the_protocol_says_so() -> None:
    assert len(make_cases(HELD_OUT, KNOWN).masked.items) == KNOWN.num_pairs
    protocol = EvaluationProtocol(mask="none")
    assert len(make_cases(HELD_OUT, KNOWN, protocol).masked.items) == 0


def test_test_cases_read_and_mask_validation_too() -> None:
    data = Synthetic(users=50, items=40).build().dataset
    split = RandomSplit(per="interaction").apply(data, seed=0)
    valid, test = cases_of(split, "valid"), cases_of(split, "test")
    assert len(valid.masked.items) == split.train.num_pairs
    assert len(test.masked.items) == split.train.num_pairs + split.valid.num_pairs
    assert len(test) == split.test.num_pairs


def test_repeating_a_users_cases_is_no_further_evidence() -> None:
    values = np.random.default_rng(0).normal(0.1, 1, 200)
    owners = np.repeat(np.arange(200), 5)
    plain, repeated = estimate(values), estimate(np.repeat(values, 5), owners)
    assert (repeated.low, repeated.high) == pytest.approx((plain.low, plain.high))
    assert (repeated.users, repeated.cases) == (200, 1000)
    gap = compare(np.repeat(values, 5), np.zeros(1000), owners)
    assert gap.p_value == pytest.approx(compare(values, np.zeros(200)).p_value)

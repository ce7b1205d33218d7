"""All 36 pairs of states, and what the model's constraints repeat of them."""

from itertools import product

import pytest

from searches.domain.lifecycle import TERMINAL, Status, may_move

ALLOWED = {
    ("queued", "running"), ("queued", "cancelled"), ("queued", "error"),
    ("running", "queued"), ("running", "complete"), ("running", "partial"),
    ("running", "error"), ("running", "cancelled"),
}  # fmt: skip


@pytest.mark.parametrize(("source", "target"), list(product(Status, Status)))
def test_every_pair_of_states_is_decided(source, target):
    assert may_move(source, target) == ((source.value, target.value) in ALLOWED)


def test_nothing_leaves_an_ending():
    assert {"complete", "partial", "error", "cancelled"} == TERMINAL

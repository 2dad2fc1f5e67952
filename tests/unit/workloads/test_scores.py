"""QA formulas stay within 0 and 1, and never reward what is worse."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radps_dag.workloads.contract import scores

FALLING: list[Callable[[float], float]] = [
    scores.flag_score,
    scores.flux_spread_score,
    scores.uvcontsub_score,
    lambda rms: scores.clean_score(rms, 1e-3, 1e-2),
]
RISING: list[Callable[[float], float]] = [
    scores.wvr_score,
    scores.snr_score,
    scores.flux_snr_score,
    lambda fraction: scores.continuum_score(fraction, 1),
]
NUMBER = st.floats(min_value=0.0, max_value=1e3)


@pytest.mark.parametrize("formula", FALLING)
@given(one=NUMBER, other=NUMBER)
def test_worse_is_not_better(formula: Callable[[float], float], one: float, other: float) -> None:
    """More flags, spread, residual or noise never score higher."""
    low, high = sorted((one, other))
    assert 0.0 <= formula(high) <= formula(low) <= 1.0


@pytest.mark.parametrize("formula", RISING)
@given(one=NUMBER, other=NUMBER)
def test_better_is_not_worse(formula: Callable[[float], float], one: float, other: float) -> None:
    """More signal to noise or continuum never scores lower."""
    low, high = sorted((one, other))
    assert 0.0 <= formula(low) <= formula(high) <= 1.0


def test_counts() -> None:
    """Shares of nothing: no wanted intent is missing, but no spw and no file is good."""
    assert scores.intents_score([], []) == 1.0
    assert scores.found_score(0, 0) == scores.export_score(0, 0) == 0.0


def test_selfcal_cases() -> None:
    """Each outcome of self-calibration has its score."""
    cases = [(False, False, 1.0, False), (True, False, 1.0, False), (True, True, 0.5, False)]
    assert [scores.selfcal_score(*case) for case in cases] == [1.0, 0.99, 0.98]
    assert scores.selfcal_score(True, True, 1.02) == 0.85
    assert scores.selfcal_score(True, True, 0.5, failed=True) == 0.8

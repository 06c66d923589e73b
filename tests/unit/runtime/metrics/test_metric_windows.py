"""Rates, averages and maxima over the last samples."""

from __future__ import annotations

from penstock.runtime.metrics.windows import SAMPLE_S, Window


def test_nothing_has_no_average_and_a_rate_of_zero() -> None:
    window = Window(100.0)
    assert (window.avg(101.0), window.max(101.0), window.rate(101.0)) == (None, None, 0.0)


def test_values_of_the_sample_before_count_too() -> None:
    window = Window(0.0)
    window.add(10, 1.0)
    window.add(2, SAMPLE_S + 1)
    assert window.avg(SAMPLE_S + 2) == 6
    assert window.max(SAMPLE_S + 2) == 10
    assert window.rate(SAMPLE_S + 10) == 12 / (SAMPLE_S + 10)


def test_what_is_two_samples_old_is_forgotten_but_in_the_total() -> None:
    window = Window(0.0)
    window.add(10, 1.0)
    assert window.max(SAMPLE_S + 1) == 10
    assert window.max(2 * SAMPLE_S + 2) is None
    window.add(4, 3 * SAMPLE_S)
    assert window.avg(3 * SAMPLE_S) == 4
    assert window.total == 14


def test_a_long_silence_empties_both_samples() -> None:
    window = Window(0.0)
    window.add(10, 1.0)
    assert window.avg(2 * SAMPLE_S) is None
    assert window.rate(2 * SAMPLE_S + 5) == 0.0


def test_a_burst_at_the_start_is_no_endless_rate() -> None:
    window = Window(5.0)
    window.add(100, 5.0)
    assert window.rate(5.0) == 100

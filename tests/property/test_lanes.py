"""Acknowledgements by counting never claim a row that is not acknowledged."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from penstock.runtime.kafka.lanes import Lane, settled

SENDS = st.lists(
    st.tuples(st.integers(0, 3), st.integers(1, 5), st.integers(0, 6)), min_size=1, max_size=40
)


@given(SENDS)
def test_counting_settles_only_rows_delivered_in_partition_order(
    sends: list[tuple[int, int, int]],
) -> None:
    """Each partition delivers in order, partitions in any mix; the count is all that is known."""
    lanes = {p: Lane(ordered=p != 3) for p in range(4)}
    sent: dict[int, list[tuple[int, int]]] = {p: [] for p in range(4)}
    delivered = dict.fromkeys(range(4), 0)
    for token, (partition, rows, arrive) in enumerate(sends):
        lanes[partition].submit(token, 0, rows, rows)
        sent[partition].extend((token, row) for row in range(rows))
        for step in range(arrive):
            p = (partition + step) % 4
            delivered[p] = min(delivered[p] + 1, len(sent[p]))
        outstanding = sum(len(sent[p]) - delivered[p] for p in range(4))
        for p, lane in lanes.items():
            safe = set(sent[p][: delivered[p]])
            for span in lane.settle(outstanding):
                good = settled(span)
                assert good is not None
                assert {(good.token, row) for row in range(good.start, good.stop)} <= safe


@given(SENDS)
def test_nothing_outstanding_settles_everything(sends: list[tuple[int, int, int]]) -> None:
    lanes = {p: Lane(ordered=p != 3) for p in range(4)}
    for token, (partition, rows, _) in enumerate(sends):
        lanes[partition].submit(token, 0, rows, rows)
    found = [span.token for lane in lanes.values() for span in lane.settle(0)]
    assert sorted(found) == list(range(len(sends)))
    assert all(not lane.spans for lane in lanes.values())

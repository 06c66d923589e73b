from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.errors import PenstockError
from penstock.runtime.host.frames import FRAME_BYTES_MAX, FrameReader, pack_frame


@given(st.lists(st.binary(max_size=50)), st.integers(1, 7))
def test_frames_cut_anywhere_come_out_whole_and_in_order(payloads: list[bytes], size: int) -> None:
    stream = b"".join(pack_frame(payload) for payload in payloads)
    reader = FrameReader()
    found = [
        payload
        for at in range(0, len(stream), size)
        for payload in reader.feed(stream[at : at + size])
    ]
    assert found == payloads


def test_a_payload_above_the_limit_is_not_packed() -> None:
    with pytest.raises(PenstockError, match=str(FRAME_BYTES_MAX)):
        pack_frame(bytes(FRAME_BYTES_MAX + 1))


def test_a_length_above_the_limit_is_refused_before_anything_is_kept() -> None:
    with pytest.raises(PenstockError, match="announces"):
        FrameReader().feed(b"\xff\xff\xff\xff")

"""The S3 sink on a second server of other authors: what the first lets pass must hold here too."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.integration import test_s3_sink as first
from tests.integration.s3_doubles import BUCKET, P0, sink
from tests.parts.s3 import objects
from tests.parts.s3_second import s3mock_server

pytestmark = pytest.mark.integration

bucket = first.bucket
proxy = first.proxy


@pytest.fixture(scope="module")
def moto(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the address of the second server, in the place of the first."""
    with s3mock_server(tmp_path_factory.mktemp("s3mock")) as url:
        yield url


test_files = first.test_files_of_flush_size_are_written_and_only_their_offsets_are_safe
test_nothing_safe = first.test_nothing_is_safe_before_the_first_object
test_crash = first.test_a_crash_before_the_commit_makes_the_same_objects_and_accepts_them
test_foreign = first.test_another_object_of_the_same_name_fails_the_task_and_stays
test_unconditional = first.test_without_conditional_writes_it_is_written_over
test_clock = first.test_a_flush_by_the_clock_after_a_crash_writes_over_the_shorter_object
test_orphans = first.test_what_a_crash_left_of_our_partitions_is_removed_and_nothing_else
test_taken_away = first.test_partitions_taken_away_leave_nothing_and_are_written_by_the_next
test_zombie = first.test_a_writer_that_should_be_gone_changes_nothing
test_faults = first.test_every_record_is_there_once_through_faults
test_memory = first.test_memory_of_open_files_stays_in_its_budget
test_options = first.test_tags_storage_class_and_encryption_are_asked_for
test_no_bucket = first.test_validation_names_a_bucket_that_is_not_there
test_pages = first.test_all_pages_of_unfinished_uploads_are_read
test_killed = first.test_killed_again_and_again_every_record_is_there_once


def test_large_objects_go_in_parts(moto: str, bucket: Any) -> None:
    """Once: the abort of an upload removes the whole object of that key here, unlike in S3."""
    rows = first.big(120)
    task = sink(moto, flush_size="120", s3_part_size=str(first.PART))
    task.put_batch(rows)
    assert task.pre_commit({P0: 120}) == {P0: 120}
    task.stop()
    (body,) = objects(bucket, BUCKET).values()
    assert len(body) > 2 * first.PART
    assert body.count(b"\n") == 120
    assert bucket.list_multipart_uploads(Bucket=BUCKET).get("Uploads", []) == []

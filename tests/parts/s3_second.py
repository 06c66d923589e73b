"""A second opinion of S3: Adobe's S3Mock, written in Java by others than moto's authors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

from tests.parts.java import java_executable
from tests.parts.maven import program_jar
from tests.parts.processes import LOOPBACK, OwnedProcess, free_ports

_PROGRAM = "com.adobe.testing:s3mock:jar:exec:5.2.0"
_START_TIMEOUT_S = 60.0


@contextlib.contextmanager
def s3mock_server(folder: Path) -> Iterator[str]:
    """Run S3Mock, its objects below a folder, and give its address."""
    plain, secured = free_ports(2)
    process = OwnedProcess(
        "s3mock",
        [
            str(java_executable()),
            "-Xmx256m",
            "-XX:TieredStopAtLevel=1",
            f"-Djava.io.tmpdir={folder}",
            "-jar",
            str(program_jar(_PROGRAM)),
            f"--http.port={plain}",
            f"--server.port={secured}",
        ],
        log_path=folder / "s3mock.log",
        folder=folder,
    )
    try:
        process.wait_for_log("Started S3MockApplication", _START_TIMEOUT_S)
        yield f"http://{LOOPBACK}:{plain}"
    finally:
        process.kill()

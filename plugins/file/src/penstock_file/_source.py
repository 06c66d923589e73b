"""FileStreamSource: the lines of a file as records (source: FileStreamSourceConnector)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from penstock.api import SourceConnector
from penstock.config import ConfigValue, config, key
from penstock.errors import ConfigError, ConnectError
from penstock_file._lines import LINE_BYTES_MAX

__all__ = ["FileStreamSourceConfig", "FileStreamSourceConnector"]

_LONG_MAX: Final = (1 << 63) - 1
_BOTH: Final = "file.glob: set either 'file' or 'file.glob', not both"


@config
class FileStreamSourceConfig:
    """Keys of FileStreamSource; the first three are the original's."""

    file: str | None = key(
        default=None,
        importance="high",
        doc="The file to read and follow. Left out or empty, standard input is read.",
    )
    topic: str = key(importance="high", non_empty=True, doc="The topic to write to.")
    batch_size: int = key(
        default=2000, min=1, importance="low", doc="The most records that one poll returns."
    )
    file_glob: str | None = key(
        default=None,
        importance="low",
        doc="A pattern, such as /logs/**/*.log, of files to read and follow instead of 'file', "
        "each from its own place; new ones are found as they appear. It should not match the "
        "names that files are rotated to.",
    )
    file_compression: str = key(
        default="none",
        choices=("none", "gzip", "auto"),
        importance="low",
        doc="gzip: the files are gzip. auto: those whose name ends with .gz are. Positions then "
        "count the bytes of the content.",
    )
    file_line_bytes_max: int = key(
        default=LINE_BYTES_MAX,
        min=1,
        importance="low",
        doc="The longest line in bytes; the task fails at a longer one.",
    )


class FileStreamSourceConnector(SourceConnector[FileStreamSourceConfig]):
    """Reads lines of a file, or of all files of a pattern, and follows them as they grow."""

    @classmethod
    def validate(cls, raw: Mapping[str, str | None]) -> list[ConfigValue]:
        """Check the keys, and that only one of file and file.glob is set."""
        values = super().validate(raw)
        by_name = {value.name: value for value in values}
        if by_name["file"].parsed and by_name["file.glob"].parsed:
            by_name["file.glob"].errors.append(_BOTH)
        return values

    def start(self) -> None:
        """Refuse two keys that exclude each other."""
        if self.config.file and self.config.file_glob:
            raise ConfigError(_BOTH)

    def task_configs(self, max_tasks: int) -> Sequence[Mapping[str, str]]:
        """One task, whatever ``tasks.max`` says: one reader keeps the order."""
        return [self.context.raw_config]

    def exactly_once_support(self) -> bool:
        """A file can be read again from any place, standard input cannot."""
        return bool(self.config.file or self.config.file_glob)

    def alter_offsets(
        self, offsets: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]
    ) -> bool:
        """Accept ``{"filename": F}`` with ``{"position": N}``; None with anything, to clean up."""
        if not self.config.file and not self.config.file_glob:
            raise ConnectError(
                "Offsets cannot be modified if the 'file' configuration is unspecified. This is "
                "because stdin is used for input and offsets are not tracked."
            )
        for partition, offset in offsets:
            if offset is not None:
                _check_offset(offset)
                _check_partition(partition)
        return True


def _check_offset(offset: Mapping[str, Any]) -> None:
    if "position" not in offset:
        raise ConnectError("Offset objects should either be null or contain the key 'position'")
    position = offset["position"]
    if not isinstance(position, int) or isinstance(position, bool) or position > _LONG_MAX:
        raise ConnectError(
            "The value for the 'position' key in the offset is expected to be a Long value, got "
            f"{position!r}"
        )
    if position < 0:
        raise ConnectError(
            "The value for the 'position' key in the offset should be a non-negative value, got "
            f"{position}"
        )
    _refuse_others(offset, "position", "Offset")


def _check_partition(partition: Mapping[str, Any]) -> None:
    if not partition or "filename" not in partition:
        raise ConnectError("Partition objects should contain the key 'filename'")
    _refuse_others(partition, "filename", "Partition")


def _refuse_others(given: Mapping[str, Any], wanted: str, what: str) -> None:
    others = sorted(set(given) - {wanted})
    if others:
        raise ConnectError(
            f"{what} objects should contain the key '{wanted}' alone, got also "
            + ", ".join(f"'{one}'" for one in others)
        )

"""FileStreamSource and FileStreamSink: lines of files to records and back."""

from penstock_file._sink import FileStreamSinkConnector, FileStreamSinkTask
from penstock_file._source import FileStreamSourceConnector
from penstock_file._source_task import FileStreamSourceTask

__all__ = [
    "FileStreamSinkConnector",
    "FileStreamSinkTask",
    "FileStreamSourceConnector",
    "FileStreamSourceTask",
]

FileStreamSourceConnector.task_class = FileStreamSourceTask
FileStreamSinkConnector.task_class = FileStreamSinkTask

"""S3Sink: records to objects of S3."""

from penstock_s3._sink import AivenS3SinkConnector, S3SinkConnector
from penstock_s3._task import AivenS3SinkTask, S3SinkTask

__all__ = ["AivenS3SinkConnector", "AivenS3SinkTask", "S3SinkConnector", "S3SinkTask"]

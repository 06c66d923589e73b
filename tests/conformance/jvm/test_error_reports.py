"""Log lines and headers of failed records, beside the original's reporters."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import jpype
import pytest

from penstock.errors import ConfigError, ConnectError, DataError, RetriableError
from penstock.runtime.broker import FetchedBatch
from penstock.runtime.model import TaskId
from penstock.runtime.pipeline.dead_letter import PREFIX, error_headers, exception_name
from penstock.runtime.pipeline.failure import Consumed, Failure
from penstock.runtime.pipeline.policy import Stage
from penstock.runtime.tasks.report import class_name, message

ERRORS = "org.apache.kafka.connect.runtime.errors."
JSON = "org.apache.kafka.connect.json.JsonConverter"
ROUTER = "org.apache.kafka.connect.transforms.RegexRouter"
TASK = "org.apache.kafka.connect.sink.SinkTask"
STAMPS = ["CreateTime", "LogAppendTime", "NoTimestampType"]
CASES = [
    (Stage.KEY_CONVERTER, JSON),
    (Stage.VALUE_CONVERTER, JSON),
    (Stage.HEADER_CONVERTER, "org.apache.kafka.connect.storage.SimpleHeaderConverter"),
    (Stage.TRANSFORMATION, ROUTER),
    (Stage.TASK_PUT, TASK),
]


def private(instance: Any, cls: Any, name: str, *arguments: Any) -> Any:
    """Call a method that only Java's own tests may."""
    for method in cls.class_.getDeclaredMethods():
        if str(method.getName()) == name and method.getParameterCount() == len(arguments):
            method.setAccessible(True)
            return method.invoke(instance, *arguments)
    raise AssertionError(name)


class Reports:
    """The original's reporters of task 7 of connector ``orders``."""

    def __init__(self, jvm: ModuleType) -> None:
        self.jvm = jvm
        self.cls = jvm.java_class
        self.id = self.cls("org.apache.kafka.connect.util.ConnectorTaskId")("orders", 7)

        self.plugins = self.cls("org.apache.kafka.connect.runtime.isolation.Plugins")(
            jvm.java_map({})
        )

    def config(self, **keys: str) -> Any:
        raw = {
            "name": "orders",
            "connector.class": "x",
            "topics": "t",
            "errors.log.enable": "true",
            "errors.deadletterqueue.topic.name": "dlq",
            "errors.deadletterqueue.context.headers.enable": "true",
            **{key.replace("_", "."): value for key, value in keys.items()},
        }
        cls = self.cls("org.apache.kafka.connect.runtime.SinkConnectorConfig")
        return cls(self.plugins, self.jvm.java_map(raw))

    def record(self, stamp: str) -> Any:
        types = self.cls("org.apache.kafka.common.record.TimestampType")
        bytes_of = jpype.JArray(jpype.JByte)
        return self.cls("org.apache.kafka.clients.consumer.ConsumerRecord")(
            "t",
            jpype.JInt(3),
            jpype.JLong(41),
            jpype.JLong(1_700_000_000_123),
            types.forName(stamp),
            jpype.JInt(1),
            jpype.JInt(1),
            bytes_of(b"k"),
            bytes_of(b"v"),
            self.cls("org.apache.kafka.common.header.internals.RecordHeaders")(),
            self.cls("java.util.Optional").empty(),
        )

    def context(self, stage: Stage, name: str, stamp: str, error: Any) -> Any:
        context = self.cls(ERRORS + "ProcessingContext")(self.record(stamp))
        stages = self.cls(ERRORS + "Stage")
        context.currentContext(stages.valueOf(stage.value), self.cls(name).class_)
        context.error(error)
        return context

    def metrics(self) -> Any:
        """Return metrics of a task, made without the worker that they belong to."""
        unsafe = self.cls("sun.misc.Unsafe").class_.getDeclaredField("theUnsafe")
        unsafe.setAccessible(True)
        return unsafe.get(None).allocateInstance(self.cls(ERRORS + "ErrorHandlingMetrics").class_)


@pytest.fixture(scope="module")
def reports(jvm: ModuleType) -> Reports:
    return Reports(jvm)


def ours(stamp: str) -> Consumed:
    fetched = FetchedBatch(
        topic="t",
        partition=3,
        offsets=[40, 41],
        keys=[b"x", b"k"],
        values=[b"y", b"v"],
        timestamps=[1, 1_700_000_000_123],
        timestamp_type=stamp,
    )
    return Consumed(fetched, 1)


@pytest.mark.parametrize("stamp", STAMPS)
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize(("stage", "name"), CASES)
def test_log_lines_are_the_originals(
    reports: Reports, stage: Stage, name: str, whole: bool, stamp: str
) -> None:
    error = reports.cls("org.apache.kafka.connect.errors.DataException")("why")
    log_cls = reports.cls(ERRORS + "LogReporter")
    reporter = reports.cls(ERRORS + "LogReporter$Sink")(
        reports.id,
        reports.config(errors_log_include_messages=str(whole).lower()),
        reports.metrics(),
    )
    java = private(reporter, log_cls, "message", reports.context(stage, name, stamp, error))
    failure = Failure(stage, name, "label", ours(stamp), DataError("why"))
    assert message(TaskId("orders", 7), failure, whole=whole) == str(java)


@pytest.mark.parametrize(("stage", "name"), CASES)
def test_headers_have_the_originals_names_order_and_values(
    reports: Reports, stage: Stage, name: str
) -> None:
    error = reports.cls("org.apache.kafka.connect.errors.DataException")("why é")
    queue_cls = reports.cls(ERRORS + "DeadLetterQueueReporter")
    metrics = reports.metrics()
    maker = queue_cls.class_.getDeclaredConstructors()[0]
    maker.setAccessible(True)
    # Headers are written without its producer, which only needs to be there.
    producer = reports.cls("sun.misc.Unsafe").class_.getDeclaredField("theUnsafe")
    producer.setAccessible(True)
    kafka = producer.get(None).allocateInstance(
        reports.cls("org.apache.kafka.clients.producer.KafkaProducer").class_
    )
    reporter = maker.newInstance(kafka, reports.config(), reports.id, metrics)
    record = reports.cls("org.apache.kafka.clients.producer.ProducerRecord")(
        "dlq", jpype.JArray(jpype.JByte)(b"k"), jpype.JArray(jpype.JByte)(b"v")
    )
    context = reports.context(stage, name, "CreateTime", error)
    private(reporter, queue_cls, "populateContextHeaders", record, context)
    java = [
        (str(h.key()), None if h.value() is None else bytes(h.value())) for h in record.headers()
    ]
    headers = error_headers(
        ours("CreateTime"),
        connector="orders",
        task=7,
        stage=stage.value,
        class_name=name,
        error=DataError("why é"),
    )
    assert [key for key, _ in headers] == [key for key, _ in java]
    traces = f"{PREFIX}exception.stacktrace"
    assert [one for one in headers if one[0] != traces] == [one for one in java if one[0] != traces]
    assert b"why \xc3\xa9" in (dict(headers)[traces] or b"")


@pytest.mark.parametrize(
    ("error", "java"),
    [
        (DataError("x"), "org.apache.kafka.connect.errors.DataException"),
        (ConnectError("x"), "org.apache.kafka.connect.errors.ConnectException"),
        (RetriableError("x"), "org.apache.kafka.connect.errors.RetriableException"),
        (ConfigError("x"), "org.apache.kafka.common.config.ConfigException"),
    ],
)
def test_names_of_errors_are_classes_of_the_original(
    reports: Reports, error: Exception, java: str
) -> None:
    assert exception_name(error) == java
    assert str(reports.cls(java).class_.getName()) == java


def test_an_empty_message_is_null_as_in_the_original() -> None:
    headers = dict(
        error_headers(
            ours("CreateTime"), connector="c", task=0, stage="S", class_name="C", error=ValueError()
        )
    )
    assert headers[f"{PREFIX}exception.message"] is None
    assert headers[f"{PREFIX}exception.class.name"] == b"ValueError"


def test_names_of_classes_are_the_originals_where_there_is_one() -> None:
    from penstock_transforms import RegexRouter  # noqa: PLC0415 - the plugin's own name

    router = RegexRouter(RegexRouter.config_spec().parse({"regex": "a", "replacement": "b"}))
    assert class_name(router) == ROUTER
    assert class_name(Stage.TASK_PUT) == "penstock.runtime.pipeline.policy.Stage"

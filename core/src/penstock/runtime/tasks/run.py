"""Run one task in a host: build what its configuration asks for, run its loop, tell the worker."""

from __future__ import annotations

import contextlib
import gc
import logging
import random
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, Final

from penstock.api import Connector, Plugin, SinkConnector, SinkTask, SourceTask
from penstock.errors import AbortedError, ConnectError, FencedError, StorageError, TimedOutError
from penstock.runtime.broker import Broker
from penstock.runtime.brokers import connect_broker
from penstock.runtime.connector_config import ConnectorPlan, plan
from penstock.runtime.host.control import HostControl
from penstock.runtime.host.messages import Failed, Running, StartTask, Stopped, ValuesExpire
from penstock.runtime.kafka.client_settings import ClientRole, split_prefix
from penstock.runtime.logs import bind_context
from penstock.runtime.model import TaskId
from penstock.runtime.pipeline.guard import RowGuard
from penstock.runtime.plugins import registry
from penstock.runtime.plugins.hooks import Notifier
from penstock.runtime.providers import reloads, resolved
from penstock.runtime.redaction import without_secrets
from penstock.runtime.tasks.about import about
from penstock.runtime.tasks.boundaries import Boundaries
from penstock.runtime.tasks.build import build_chain, build_codec, configured
from penstock.runtime.tasks.committer import Limits, taken_over
from penstock.runtime.tasks.context import SinkContext, SourceContext, TaskContextBase
from penstock.runtime.tasks.dead_letters import DeadLetterQueue, DeadLetters, make_topic
from penstock.runtime.tasks.errant import ErrantReporter
from penstock.runtime.tasks.exactly_once import ExactlyOnceRunner
from penstock.runtime.tasks.fence import transactional_id
from penstock.runtime.tasks.offset_topics import OffsetTopics, open_own
from penstock.runtime.tasks.progress import Faults, ProgressMeter
from penstock.runtime.tasks.report import FailureReports
from penstock.runtime.tasks.sink import SinkTaskRunner
from penstock.runtime.tasks.source import SourceTaskRunner
from penstock.runtime.tasks.stored_offsets import (
    OwnOffsets,
    OwnTopicWriter,
    TransactionOffsets,
    WorkerOffsets,
)
from penstock.runtime.tasks.told_records import tells_records, wants_places
from penstock.runtime.tasks.topics import TopicMaker
from penstock.runtime.topic_creation import TopicCreation
from penstock.runtime.transaction_time import FLUSH_INTERVAL_MS, TIMEOUT, timeout_ms

__all__ = ["run_task"]

log = logging.getLogger(__name__)

FLUSH_TIMEOUT_MS: Final = 5_000
INIT_TIMEOUT_S: Final = 60.0
"""How long a task waits for its transactional id; the coordinator may be on its way."""
COMMIT_TIMEOUT_S: Final = 90.0
"""How long a commit may take: more than transactions live, so that the broker's answer comes."""
STOP_MARGIN_S: Final = 0.5
"""Kept back from the time to stop in good order, for the task's own stop and the clients' close."""
MAX_RECORDS: Final = 1000
"""Rows of one poll of a sink, unless ``max.poll.records`` says otherwise: more do not help, and
the messages of one poll then stay in the processor's cache."""
GC_THRESHOLD: Final = (50_000, 20, 50)
"""Batches make many objects and no cycles: Python's own 700 would look for cycles all the time."""


def run_task(command: StartTask, control: HostControl) -> None:
    """Run a task until it is told to stop, or fails. Called by the host on its main thread."""
    gc.set_threshold(*GC_THRESHOLD)
    bind_context(f"{command.connector}|task-{command.task}")
    task_id = TaskId(command.connector, command.task)
    notifier = Notifier()
    try:
        with contextlib.ExitStack() as stack:
            _Run(command, control, stack, notifier).run()
    except Exception as error:
        log.exception("task %s failed", task_id)
        notifier.task_failed(command.connector, command.task, error)
        told = without_secrets(traceback.format_exc())
        # A broker that did not answer may do so, and a producer be fenced, at the next start.
        curable = FencedError | AbortedError | TimedOutError | StorageError
        fenced = command.exactly_once and isinstance(error, curable)
        control.send(Failed(reason=without_secrets(_reason(error)), trace=told, fenced=fenced))
    else:
        notifier.task_stopped(command.connector, command.task)
        control.send(Stopped())


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__


class _Run:
    """One run of one task. Owner: the task's thread."""

    def __init__(
        self,
        command: StartTask,
        control: HostControl,
        stack: contextlib.ExitStack,
        notifier: Notifier,
    ) -> None:
        self._command = command
        self._control = control
        self._stack = stack
        self._notifier = notifier
        self._id = TaskId(command.connector, command.task)
        self._worker = command.worker
        self._faults = Faults()
        self._config: Mapping[str, str] = {}

    def run(self) -> None:
        command = self._command
        config = resolved(command.config, self._worker, self._expiring)
        whole = resolved(command.connector_config, self._worker, self._expiring)
        wanted = plan(whole, self._worker)
        connector: type[Connector[Any]] = registry().load("connectors", wanted.type)
        if self._id.task >= wanted.tasks_max:
            raise ConnectError(
                f"task {self._id} is beyond tasks.max {wanted.tasks_max}; raise tasks.max"
            )
        if connector.own_process and not self._control.claim_process():
            return  # it is started again where it lives alone
        broker = connect_broker(self._worker)
        self._config = config
        task = configured(connector.task_class, config, "", f"task {self._id}")
        if issubclass(connector, SinkConnector):
            self._run_sink(task, wanted, broker)
        elif command.exactly_once:
            self._run_exactly_once(task, wanted, broker)
        else:
            self._run_source(task, wanted, broker)

    def _measured(self, meter: ProgressMeter, task: Plugin[Any], wanted: ConnectorPlan) -> None:
        """Have the meter tell of this task and of what fails on its way."""
        meter.faults = self._faults
        meter.about = about(task, wanted)
        if isinstance(context := getattr(task, "context", None), TaskContextBase):
            meter.gauges = context.gauges

    def _wait_to_retry(self, seconds: float) -> bool:
        self._faults.retries += 1
        return self._control.wait(seconds)

    def _reports(self, wanted: ConnectorPlan, letters: DeadLetters | None = None) -> FailureReports:
        return FailureReports(
            self._id,
            log_errors=wanted.log_errors,
            log_messages=wanted.log_messages,
            count=self._faults.failed,
            faults=self._faults,
            tolerant=wanted.policy.tolerate_all,
            letters=letters,
            context_headers=wanted.dead_letters is not None and wanted.dead_letters.context_headers,
        )

    def _guard(self, wanted: ConnectorPlan, reports: FailureReports) -> RowGuard:
        return RowGuard(wanted.policy, reports, self._wait_to_retry, random.random)

    def _dead_letters(self, wanted: ConnectorPlan, broker: Broker) -> DeadLetterQueue | None:
        """Make the queue of a sink, and its topic where it is missing."""
        if wanted.dead_letters is None:
            return None
        topic = wanted.dead_letters.topic
        settings = self._settings(ClientRole.DLQ_ADMIN)
        admin = broker.admin(settings.properties, client_id=settings.client_id)
        try:
            make_topic(admin, topic, wanted.dead_letters.replication_factor)
        finally:
            admin.close()
        settings = self._settings(ClientRole.DLQ_PRODUCER)
        # Each letter's fate is asked for: a range would blame its neighbours.
        producer = broker.producer(settings.properties, client_id=settings.client_id, precise=True)
        self._stack.callback(lambda: producer.close(0))
        queue = DeadLetterQueue(
            topic,
            producer,
            wait=self._control.wait,
            stopping=lambda: self._control.stopping,
            faults=self._faults,
        )
        # The record that fails the task is kept too, as in the original.
        self._stack.callback(self._last_letters, queue)
        return queue

    def _last_letters(self, queue: DeadLetterQueue) -> None:
        try:
            if not queue.flush(self._grace_s()):
                log.warning("%d dead letters are not stored; they will come again", queue.pending)
        except ConnectError as problem:
            log.warning("the last dead letters are not stored: %s", problem)

    def _settings(self, role: ClientRole, transactional_id: str | None = None) -> Any:
        return split_prefix(
            self._worker,
            resolved(self._command.connector_config, self._worker),
            role=role,
            connector=self._id.connector,
            task=self._id.task,
            transactional_id=transactional_id,
        )

    def _expiring(self, ttl_ms: int) -> None:
        if reloads(self._command.connector_config):
            self._control.send(ValuesExpire(ttl_ms))

    def _number_s(self, key: str, default_ms: int) -> float:
        return int(self._worker.get(key, str(default_ms)).strip()) / 1000

    def _grace_s(self) -> float:
        """The time left for finishing in good order; all of it before anybody asked to stop."""
        if self._control.stopping:
            return max(0.0, self._control.stop_deadline_s - STOP_MARGIN_S)
        return self._number_s("offset.flush.timeout.ms", FLUSH_TIMEOUT_MS)

    def _begin(self, task: SourceTask[Any] | SinkTask[Any]) -> None:
        """Wait while paused, then open and start the task."""
        self._stack.callback(task.close)
        task.open()
        task.start()
        self._stack.callback(task.stop)
        self._control.send(Running(type(task).version()))
        self._notifier.task_started(self._id.connector, self._id.task)

    def _topic_maker(self, broker: Broker) -> Callable[[str], None] | None:
        raw = resolved(self._command.connector_config, self._worker)
        creation = TopicCreation.of(raw, self._worker)
        if creation is None:
            return None
        settings = self._settings(ClientRole.ADMIN)
        return TopicMaker(
            creation,
            lambda: broker.admin(settings.properties, client_id=settings.client_id),
            self._control.wait,
        ).ensure

    def _run_source(self, task: SourceTask[Any], wanted: ConnectorPlan, broker: Broker) -> None:
        reports = self._reports(wanted)
        guard = self._guard(wanted, reports)
        codec = build_codec(wanted, guard, self._stack)
        chain = build_chain(wanted, guard, self._stack)
        settings = self._settings(ClientRole.SOURCE_PRODUCER)
        tolerant = wanted.policy.tolerate_all
        # A range of which one row was refused would skip its neighbours, too.
        producer = broker.producer(
            settings.properties,
            client_id=settings.client_id,
            precise=tolerant or tells_records(task),
            places=wants_places(task),
        )
        self._stack.callback(lambda: producer.close(0))
        stored, own_topic = self._own_topic(broker)
        task.context = SourceContext(self._id, self._config, self._control, stored=stored)
        self._begin(task)
        runner = SourceTaskRunner(
            task=task,
            chain=chain,
            codec=codec,
            producer=producer,
            control=self._control,
            flush_interval_s=self._number_s("offset.flush.interval.ms", FLUSH_INTERVAL_MS),
            flush_timeout_s=self._number_s("offset.flush.timeout.ms", FLUSH_TIMEOUT_MS),
            refused=reports.failed if tolerant else None,
            ensure_topic=self._topic_maker(broker),
            own_topic=own_topic,
        )
        self._measured(runner.progress, task, wanted)
        try:
            runner.run()
        except Exception:
            # What was acknowledged before the failure is stored still, so that a restart does
            # not repeat it; the failure itself is what the user has to see.
            with contextlib.suppress(Exception):
                runner.commit(1.0)
            raise
        runner.finish(self._grace_s())

    def _run_exactly_once(
        self, task: SourceTask[Any], wanted: ConnectorPlan, broker: Broker
    ) -> None:
        guard = self._guard(wanted, self._reports(wanted))
        codec = build_codec(wanted, guard, self._stack)
        chain = build_chain(wanted, guard, self._stack)
        settings = self._settings(
            ClientRole.SOURCE_PRODUCER,
            transactional_id(self._worker, self._id.connector, self._id.task),
        )
        for note in settings.ignored:
            log.warning("%s", note)
        raw = resolved(self._command.connector_config, self._worker)
        limit_ms = timeout_ms(raw, self._worker)
        properties = {} if limit_ms is None else {TIMEOUT: str(limit_ms)}
        producer = broker.transactional_producer(
            {**properties, **settings.properties},
            client_id=settings.client_id,
            places=wants_places(task),
        )
        self._stack.callback(lambda: producer.close(0))
        if not taken_over(producer, self._control, INIT_TIMEOUT_S):
            return
        # Read only now: what an older instance had in an open transaction is gone for good.
        stored, offsets = self._offsets(raw, broker, exactly_once=True)
        flush_s = self._number_s("offset.flush.interval.ms", FLUSH_INTERVAL_MS)
        boundaries = Boundaries.of(raw, flush_interval_s=flush_s, now_s=time.monotonic())
        task.context = SourceContext(
            self._id,
            self._config,
            self._control,
            stored=stored,
            requests=boundaries.requests,
            exactly_once=True,
        )
        self._begin(task)
        runner = ExactlyOnceRunner(
            task=task,
            chain=chain,
            codec=codec,
            producer=producer,
            control=self._control,
            boundaries=boundaries,
            offsets=offsets,
            limits=Limits(commit_s=COMMIT_TIMEOUT_S, flush_interval_s=flush_s),
            ensure_topic=self._topic_maker(broker),
        )
        self._measured(runner.progress, task, wanted)
        runner.run()

    def _offsets(
        self, raw: Mapping[str, str], broker: Broker, *, exactly_once: bool
    ) -> tuple[WorkerOffsets | OwnOffsets, TransactionOffsets]:
        topics = OffsetTopics.of(raw, self._worker, exactly_once=exactly_once)
        theirs = WorkerOffsets(self._control)
        if topics.own is None:
            return theirs, TransactionOffsets(topics.worker, theirs)
        own = open_own(topics.own, broker, self._worker, raw, task_id=self._id, stored=theirs)
        return own, TransactionOffsets(topics.own, own)

    def _own_topic(self, broker: Broker) -> tuple[OwnOffsets | None, OwnTopicWriter | None]:
        """Open the connector's own offsets topic, where it has one."""
        raw = resolved(self._command.connector_config, self._worker)
        stored, offsets = self._offsets(raw, broker, exactly_once=False)
        if not isinstance(stored, OwnOffsets):
            return None, None
        settings = self._settings(ClientRole.SOURCE_PRODUCER)
        producer = broker.producer(
            settings.properties, client_id=f"{settings.client_id}-offsets", precise=True
        )
        self._stack.callback(lambda: producer.close(0))
        return stored, OwnTopicWriter(offsets, producer)

    def _run_sink(self, task: SinkTask[Any], wanted: ConnectorPlan, broker: Broker) -> None:
        letters = self._dead_letters(wanted, broker)
        reports = self._reports(wanted, letters)
        guard = self._guard(wanted, reports)
        codec = build_codec(wanted, guard, self._stack)
        chain = build_chain(wanted, guard, self._stack)
        settings = self._settings(ClientRole.SINK_CONSUMER)
        consumer = broker.consumer(
            settings.properties, client_id=settings.client_id, group_id=settings.group_id
        )
        self._stack.callback(lambda: consumer.close(1.0))
        self._control.on_change(consumer.wakeup)
        context = SinkContext(
            self._id,
            self._config,
            self._control,
            pause=consumer.pause,
            resume=consumer.resume,
        )
        if letters is not None or wanted.log_errors:
            context.reporter = ErrantReporter(wanted.policy, reports, letters, codec)
        task.context = context
        self._begin(task)
        runner = SinkTaskRunner(
            task=task,
            context=context,
            chain=chain,
            codec=codec,
            consumer=consumer,
            control=self._control,
            topics=wanted.topics_regex or wanted.topics,
            max_records=int(settings.properties.get("max.poll.records", MAX_RECORDS)),
            flush_interval_s=self._number_s("offset.flush.interval.ms", FLUSH_INTERVAL_MS),
            flush_timeout_s=self._number_s("offset.flush.timeout.ms", FLUSH_TIMEOUT_MS),
            letters=letters,
        )
        self._measured(runner.progress, task, wanted)
        self._stack.callback(runner.abandon)
        runner.run()
        runner.finish()

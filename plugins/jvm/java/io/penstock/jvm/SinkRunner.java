package io.penstock.jvm;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.sink.ErrantRecordReporter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;
import org.apache.kafka.connect.sink.SinkTaskContext;

/**
 * Gives a sink task records that came as bytes. Its calls run on one thread here: Python's waits for
 * the end and meanwhile answers what the task, or a thread that it waits for, asks of the runtime.
 */
public final class SinkRunner {
  private final SinkTask task;
  private final Chain chain;
  private final Context context;
  private final Host host;
  private final ExecutorService calls;
  private volatile String answer;
  private volatile Throwable failed;

  public SinkRunner(
      SinkTask task, Map<String, String> settings, Host host, Chain chain, boolean reports) {
    this.task = task;
    this.chain = chain;
    this.host = host;
    this.context = new Context(settings, host, reports, Parts.metrics());
    this.calls =
        Executors.newSingleThreadExecutor(
            work -> {
              Thread thread = new Thread(work, "penstock-sink");
              thread.setContextClassLoader(task.getClass().getClassLoader());
              thread.setDaemon(true);
              return thread;
            });
  }

  /** Begin a call of the task; {@code host.done()} tells of its end. One at a time. */
  public void begin(String call, String json, byte[] bytes) {
    calls.execute(
        () -> {
          answer = null;
          failed = null;
          try {
            switch (call) {
              case "start" -> start();
              case "open" -> open(json);
              case "close" -> close(json);
              case "put" -> put(bytes);
              case "preCommit" -> answer = preCommit(json);
              default -> stop();
            }
          } catch (Throwable problem) {
            failed = problem;
          }
          host.done();
        });
  }

  /** Return what the call that ended returned, or throw what it threw. */
  public String ended() throws Throwable {
    if (failed != null) {
      throw failed;
    }
    return answer;
  }

  private void start() {
    task.initialize(context);
    task.start(context.configs);
  }

  private void open(String json) {
    Set<TopicPartition> partitions = offsets(json).keySet();
    context.assigned.addAll(partitions);
    task.open(partitions);
  }

  private void close(String json) {
    Set<TopicPartition> partitions = offsets(json).keySet();
    task.close(partitions);
    context.assigned.removeAll(partitions);
  }

  private void put(byte[] bytes) {
    task.put(bytes.length == 0 ? List.of() : read(new In(bytes)));
  }

  private String preCommit(String json) {
    Map<TopicPartition, OffsetAndMetadata> given = new HashMap<>();
    offsets(json).forEach((key, offset) -> given.put(key, new OffsetAndMetadata(offset)));
    Map<TopicPartition, OffsetAndMetadata> safe = task.preCommit(given);
    List<Object> told = new ArrayList<>();
    if (safe != null) {
      safe.forEach((key, at) -> told.add(List.of(key.topic(), key.partition(), at.offset())));
    }
    StringBuilder out = new StringBuilder();
    Json.write(out, told);
    return out.toString();
  }

  private void stop() {
    try {
      task.stop();
    } finally {
      chain.close();
    }
  }

  /** Read a JSON list of [topic, partition, offset or null]. */
  @SuppressWarnings("unchecked")
  static Map<TopicPartition, Long> offsets(String json) {
    Map<TopicPartition, Long> read = new LinkedHashMap<>();
    for (Object item : (List<Object>) Parts.json(json)) {
      List<Object> parts = (List<Object>) item;
      TopicPartition key =
          new TopicPartition((String) parts.get(0), ((Long) parts.get(1)).intValue());
      read.put(key, (Long) parts.get(2));
    }
    return read;
  }

  private List<SinkRecord> read(In in) {
    Schema[] schemas = new Schema[in.i32()];
    for (int i = 0; i < schemas.length; i++) {
      in.i32();
      schemas[i] = Schemas.read(in);
    }
    List<SinkRecord> all = new ArrayList<>();
    for (int groups = in.i32(); groups > 0; groups--) {
      readGroup(in, schemas, all);
    }
    return all;
  }

  private void readGroup(In in, Schema[] schemas, List<SinkRecord> all) {
    String topic = in.text();
    String originalTopic = in.text();
    int originalPartition = in.i32();
    TimestampType kind =
        in.text().equals("LogAppendTime") ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
    int keyPlace = in.i32();
    int valuePlace = in.i32();
    int count = in.i32();
    Schema keySchema = keyPlace < 0 ? null : schemas[keyPlace];
    Schema valueSchema = valuePlace < 0 ? null : schemas[valuePlace];
    long[] offsets = new long[count];
    for (int i = 0; i < count; i++) {
      offsets[i] = in.i64();
    }
    Object[] partitions = Columns.read(in, Schema.OPTIONAL_INT64_SCHEMA, count);
    Object[] timestamps = Columns.read(in, Schema.OPTIONAL_INT64_SCHEMA, count);
    ConnectHeaders[] headers = readHeaders(in, schemas, count);
    Object[] keys = Columns.read(in, keySchema, count);
    Object[] values = Columns.read(in, valueSchema, count);
    for (int i = 0; i < count; i++) {
      int partition = partitions[i] == null ? originalPartition : ((Long) partitions[i]).intValue();
      SinkRecord record =
          new SinkRecord(
              topic, partition, keySchema, keys[i], valueSchema, values[i], offsets[i],
              (Long) timestamps[i], timestamps[i] == null ? TimestampType.NO_TIMESTAMP_TYPE : kind,
              headers == null ? null : headers[i], originalTopic, originalPartition, offsets[i]);
      if (!chain.isEmpty()) {
        record = chain.apply(record);
      }
      if (record != null) {
        all.add(record);
      }
    }
  }

  private static ConnectHeaders[] readHeaders(In in, Schema[] schemas, int count) {
    if (in.u8() == 0) {
      return null;
    }
    ConnectHeaders[] read = new ConnectHeaders[count];
    for (int i = 0; i < count; i++) {
      read[i] = new ConnectHeaders();
      for (int left = in.i32(); left > 0; left--) {
        String key = in.text();
        int place = in.i32();
        Schema schema = place < 0 ? null : schemas[place];
        read[i].add(key, Columns.read(in, schema, 1)[0], schema);
      }
    }
    return read;
  }

  private static final class Context implements SinkTaskContext {
    final Map<String, String> configs;
    final Set<TopicPartition> assigned = java.util.concurrent.ConcurrentHashMap.newKeySet();
    private final Host host;
    private final boolean reports;
    private final PluginMetrics metrics;

    Context(Map<String, String> configs, Host host, boolean reports, PluginMetrics metrics) {
      this.configs = configs;
      this.host = host;
      this.reports = reports;
      this.metrics = metrics;
    }

    private void wish(String name, Map<TopicPartition, Long> partitions) {
      List<Object> told = new ArrayList<>();
      partitions.forEach(
          (key, offset) -> {
            List<Object> one = new ArrayList<>(List.of(key.topic(), key.partition()));
            one.add(offset);
            told.add(one);
          });
      StringBuilder out = new StringBuilder();
      Json.write(out, told);
      host.sink(name, out.toString());
    }

    private void wish(String name, TopicPartition[] partitions) {
      Map<TopicPartition, Long> all = new LinkedHashMap<>();
      for (TopicPartition partition : partitions) {
        all.put(partition, null);
      }
      wish(name, all);
    }

    @Override
    public Map<String, String> configs() {
      return configs;
    }

    @Override
    public void offset(Map<TopicPartition, Long> offsets) {
      wish("offset", offsets);
    }

    @Override
    public void offset(TopicPartition partition, long offset) {
      wish("offset", Map.of(partition, offset));
    }

    @Override
    public void timeout(long timeoutMs) {
      host.sink("timeout", Long.toString(timeoutMs));
    }

    @Override
    public Set<TopicPartition> assignment() {
      return Set.copyOf(assigned);
    }

    @Override
    public void pause(TopicPartition... partitions) {
      wish("pause", partitions);
    }

    @Override
    public void resume(TopicPartition... partitions) {
      wish("resume", partitions);
    }

    @Override
    public void requestCommit() {
      host.sink("commit", "[]");
    }

    @Override
    public ErrantRecordReporter errantRecordReporter() {
      return reports ? this::report : null;
    }

    private CompletableFuture<Void> report(SinkRecord record, Throwable error) {
      String fails =
          host.report(
              record.originalTopic(), record.originalKafkaPartition(),
              record.originalKafkaOffset(), Failures.text(error));
      if (fails != null) {
        throw new ConnectException(fails);
      }
      return CompletableFuture.completedFuture(null);
    }

    @Override
    public PluginMetrics pluginMetrics() {
      return metrics;
    }
  }
}

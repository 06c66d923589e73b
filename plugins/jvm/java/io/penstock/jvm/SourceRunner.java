package io.penstock.jvm;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;
import org.apache.kafka.connect.source.SourceTaskContext;
import org.apache.kafka.connect.source.TransactionContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;

/**
 * Polls a source task on a thread of its own, one poll ahead, and hands each poll over as bytes.
 * Everything else is called by Python, on the task's thread there.
 */
public final class SourceRunner {
  /** A larger poll crosses in pieces, unless it is a transaction: each takes memory four times. */
  private static final int PIECE_ROWS = 20_000;

  private final SourceTask task;
  private final Map<String, String> settings;
  private final Host host;
  private final boolean tells;
  private final boolean whole;
  private final Chain chain;
  private final Boundaries boundaries;
  private final ArrayBlockingQueue<Object> ready = new ArrayBlockingQueue<>(1);
  private final Semaphore again = new Semaphore(0);
  private final Map<Long, Kept> kept = new HashMap<>();
  private final SourceFrames frames = new SourceFrames();
  private volatile boolean stopping;
  private Thread thread;
  private long polls;

  private static final class Kept {
    final List<SourceRecord> records;
    int left;

    Kept(List<SourceRecord> records) {
      this.records = records;
      this.left = records.size();
    }
  }

  public SourceRunner(
      SourceTask task,
      Map<String, String> settings,
      Host host,
      Chain chain,
      boolean tells,
      boolean whole,
      boolean bounded) {
    this.task = task;
    this.settings = settings;
    this.host = host;
    this.chain = chain;
    this.tells = tells;
    this.whole = whole;
    this.boundaries = bounded ? new Boundaries() : null;
  }

  /** Start the task here; the thread that polls starts with the first {@link #take}. */
  public void start() {
    ClassLoader loader = task.getClass().getClassLoader();
    Thread.currentThread().setContextClassLoader(loader);
    task.initialize(new Context(settings, host, boundaries, Parts.metrics()));
    task.start(settings);
  }

  private void startPolling() {
    thread = new Thread(this::polling, "penstock-poll");
    thread.setContextClassLoader(task.getClass().getClassLoader());
    thread.setDaemon(true);
    thread.start();
  }

  private void polling() {
    while (!stopping) {
      Throwable found = null;
      try {
        poll();
      } catch (InterruptedException stopped) {
        return;
      } catch (Throwable failed) {
        found = failed;
      }
      if (found == null) {
        continue;
      }
      try {
        ready.put(found);
        again.acquire(); // the runtime backs off before it asks again
      } catch (InterruptedException stopped) {
        return;
      }
    }
  }

  private void poll() throws InterruptedException {
    List<SourceRecord> found = task.poll();
    if (found == null || found.isEmpty()) {
      if (found == null) {
        Thread.onSpinWait();
      }
      return;
    }
    List<SourceRecord> solid = found;
    for (SourceRecord record : found) { // contains(null) fails on the lists of List.of
      if (record == null) {
        solid = new ArrayList<>(found);
        solid.removeIf(one -> one == null);
        break;
      }
    }
    int step = whole ? solid.size() : PIECE_ROWS;
    for (int from = 0; from < solid.size() && !stopping; from += step) {
      List<SourceRecord> piece = solid.subList(from, Math.min(solid.size(), from + step));
      long number = polls++;
      if (tells) {
        synchronized (kept) {
          kept.put(number, new Kept(new ArrayList<>(piece)));
        }
      }
      ready.put(frames.write(number, piece, chain, boundaries));
    }
  }

  /** Return the next poll, or null when there is none in time. Throws what a poll threw. */
  public byte[] take(long timeoutMs) throws Throwable {
    if (thread == null) {
      startPolling();
    }
    Object found = ready.poll(timeoutMs, TimeUnit.MILLISECONDS);
    if (found instanceof Throwable failed) {
      again.release();
      throw failed;
    }
    return (byte[]) found;
  }

  public void commit() throws InterruptedException {
    task.commit();
  }

  /**
   * Hand the task's own records back to it, acknowledged (with their places) or dropped, in the
   * order told. Returns what the first that failed threw, or null; the others are handed back.
   */
  public String commitRecords(byte[] bytes) throws InterruptedException {
    In in = new In(bytes);
    String[] topics = new String[in.i32()];
    for (int i = 0; i < topics.length; i++) {
      topics[i] = in.text();
    }
    String failed = null;
    for (int count = in.i32(); count > 0; count--) {
      SourceRecord record = givenBack(in.i64(), (int) in.i64());
      int topic = (int) in.i64();
      int partition = (int) in.i64();
      long offset = in.i64();
      long timestamp = in.i64();
      if (record == null) {
        continue;
      }
      RecordMetadata stored = null;
      if (topic >= 0) {
        TopicPartition place = new TopicPartition(topics[topic], partition);
        stored = new RecordMetadata(place, offset, 0, timestamp, -1, -1);
      }
      try {
        task.commitRecord(record, stored);
      } catch (RuntimeException problem) {
        failed = failed == null ? Failures.text(problem) : failed;
      }
    }
    return failed;
  }

  private SourceRecord givenBack(long poll, int row) {
    synchronized (kept) {
      Kept held = kept.get(poll);
      if (held == null) {
        return null;
      }
      if (--held.left == 0) {
        kept.remove(poll);
      }
      return held.records.get(row);
    }
  }

  /** Stop polling, then the task; a poll that blocks is interrupted after {@code graceMs}. */
  public void stop(long graceMs) throws InterruptedException {
    stopping = true;
    again.release();
    ready.clear();
    if (thread != null) {
      thread.join(graceMs);
    }
    boolean blocked = thread != null && thread.isAlive();
    try {
      task.stop();
    } finally {
      chain.close();
      if (blocked) {
        ready.clear();
        thread.join(graceMs);
        if (thread.isAlive()) {
          thread.interrupt();
          thread.join(graceMs);
        }
      }
    }
  }

  private record Context(
      Map<String, String> configs,
      Host host,
      TransactionContext transactionContext,
      PluginMetrics pluginMetrics)
      implements SourceTaskContext {
    @Override
    public OffsetStorageReader offsetStorageReader() {
      return new Parts.Reader(host);
    }
  }

  /** Where the task wants transactions to end, in the poll that is being made. */
  static final class Boundaries implements TransactionContext {
    char after = '0';
    final Map<SourceRecord, Character> records = new java.util.IdentityHashMap<>();

    /** Forget what was asked for; what is asked between two polls is about the next one. */
    void written() {
      after = '0';
      records.clear();
    }

    @Override
    public void commitTransaction() {
      after = 'c';
    }

    @Override
    public void commitTransaction(SourceRecord record) {
      records.put(record, 'c');
    }

    @Override
    public void abortTransaction() {
      after = 'a';
    }

    @Override
    public void abortTransaction(SourceRecord record) {
      records.put(record, 'a');
    }
  }
}

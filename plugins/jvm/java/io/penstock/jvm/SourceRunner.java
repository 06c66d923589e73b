package io.penstock.jvm;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
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
  private final SourceTask task;
  private final Map<String, String> settings;
  private final Host host;
  private final boolean tells;
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
      boolean bounded) {
    this.task = task;
    this.settings = settings;
    this.host = host;
    this.chain = chain;
    this.tells = tells;
    this.boundaries = bounded ? new Boundaries() : null;
  }

  /** Start the task here, then the thread that polls. */
  public void start() {
    ClassLoader loader = task.getClass().getClassLoader();
    Thread.currentThread().setContextClassLoader(loader);
    task.initialize(new Context(settings, host, boundaries, Parts.metrics()));
    task.start(settings);
    thread = new Thread(this::polling, "penstock-poll");
    thread.setContextClassLoader(loader);
    thread.setDaemon(true);
    thread.start();
  }

  private void polling() {
    while (!stopping) {
      Object found;
      try {
        found = polled();
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
        if (found instanceof Throwable) {
          again.acquire(); // the runtime backs off before it asks again
        }
      } catch (InterruptedException stopped) {
        return;
      }
    }
  }

  private byte[] polled() throws InterruptedException {
    if (boundaries != null) {
      boundaries.begin();
    }
    List<SourceRecord> found = task.poll();
    if (found == null || found.isEmpty()) {
      if (found == null) {
        Thread.onSpinWait();
      }
      return null;
    }
    List<SourceRecord> solid = found;
    if (found.contains(null)) {
      solid = new ArrayList<>(found);
      solid.removeIf(one -> one == null);
    }
    long number = polls++;
    if (tells) {
      synchronized (kept) {
        kept.put(number, new Kept(new ArrayList<>(solid)));
      }
    }
    return frames.write(number, solid, chain, boundaries);
  }

  /** Return the next poll, or null when there is none in time. Throws what a poll threw. */
  public byte[] take(long timeoutMs) throws Throwable {
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

  /** Hand the task's own record back to it, acknowledged or dropped. */
  public void commitRecord(long poll, int row) throws InterruptedException {
    SourceRecord record;
    synchronized (kept) {
      Kept held = kept.get(poll);
      if (held == null) {
        return;
      }
      record = held.records.get(row);
      if (--held.left == 0) {
        kept.remove(poll);
      }
    }
    task.commitRecord(record, null);
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

    void begin() {
      // What was asked for between two polls is about the next one; `written` forgets it.
    }

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

package probe;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/** A sink whose own threads report records and ask for commits, while {@code put} waits for them. */
public class ThreadedSink extends SinkConnector {
  private Map<String, String> settings;

  @Override
  public void start(Map<String, String> given) {
    settings = given;
  }

  @Override
  public Class<? extends Task> taskClass() {
    return ThreadedTask.class;
  }

  @Override
  public List<Map<String, String>> taskConfigs(int max) {
    return List.of(settings);
  }

  @Override
  public void stop() {}

  @Override
  public ConfigDef config() {
    return new ConfigDef();
  }

  @Override
  public String version() {
    return "1";
  }

  public static class ThreadedTask extends SinkTask {
    private final ExecutorService threads = Executors.newFixedThreadPool(4);

    @Override
    public void start(Map<String, String> given) {}

    @Override
    public void put(Collection<SinkRecord> records) {
      List<Future<?>> work = new ArrayList<>();
      for (SinkRecord record : records) {
        work.add(threads.submit(() -> take(record)));
      }
      try {
        for (Future<?> one : work) {
          one.get();
        }
      } catch (Exception problem) {
        throw new RuntimeException(problem);
      }
    }

    private void take(SinkRecord record) {
      if (record.value().toString().endsWith("7")) {
        context.errantRecordReporter().report(record, new RuntimeException("a seven"));
        context.requestCommit();
      }
    }

    @Override
    public void stop() {
      threads.shutdown();
    }

    @Override
    public String version() {
      return "1";
    }
  }
}

package probe;

import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.ConnectorTransactionBoundaries;
import org.apache.kafka.connect.source.ExactlyOnceSupport;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** A source whose connector asks its context for things: as many tasks as a file says, or to fail. */
public class AskingSource extends SourceConnector {
  private Map<String, String> settings;
  private Thread watcher;

  @Override
  public void start(Map<String, String> given) {
    settings = given;
    if (!given.containsKey("count")) {
      return;
    }
    watcher = new Thread(this::watch);
    watcher.setDaemon(true);
    watcher.start();
  }

  private void watch() {
    String before = read();
    try {
      while (true) {
        Thread.sleep(50);
        String now = read();
        if (now.equals("fail")) {
          context().raiseError(new IllegalStateException("the file says so"));
          return;
        }
        if (!now.equals(before)) {
          before = now;
          context().requestTaskReconfiguration();
        }
      }
    } catch (InterruptedException stopped) {
      return;
    }
  }

  private String read() {
    try {
      return Files.readString(Path.of(settings.get("count"))).trim();
    } catch (IOException problem) {
      throw new ConnectException(problem);
    }
  }

  @Override
  public Class<? extends Task> taskClass() {
    return AskingTask.class;
  }

  @Override
  public List<Map<String, String>> taskConfigs(int max) {
    int wanted = settings.containsKey("count") ? Integer.parseInt(read()) : 1;
    List<Map<String, String>> made = new ArrayList<>();
    for (int number = 0; number < Math.min(max, wanted); number++) {
      Map<String, String> one = new TreeMap<>(settings);
      one.put("number", Integer.toString(number));
      made.add(one);
    }
    return made;
  }

  @Override
  public void stop() {
    if (watcher != null) {
      watcher.interrupt();
    }
  }

  @Override
  public boolean alterOffsets(
      Map<String, String> given, Map<Map<String, ?>, Map<String, ?>> offsets) {
    for (Map<String, ?> offset : offsets.values()) {
      if (offset != null && ((Number) offset.get("n")).longValue() < 0) {
        throw new ConnectException("an offset below zero: " + offset);
      }
    }
    tell(given, "altered " + offsets);
    return true;
  }

  @Override
  public ExactlyOnceSupport exactlyOnceSupport(Map<String, String> given) {
    return "yes".equals(given.get("exact"))
        ? ExactlyOnceSupport.SUPPORTED : ExactlyOnceSupport.UNSUPPORTED;
  }

  @Override
  public ConnectorTransactionBoundaries canDefineTransactionBoundaries(Map<String, String> given) {
    return "yes".equals(given.get("exact"))
        ? ConnectorTransactionBoundaries.SUPPORTED : ConnectorTransactionBoundaries.UNSUPPORTED;
  }

  @Override
  public ConfigDef config() {
    return new ConfigDef();
  }

  @Override
  public String version() {
    return release();
  }

  /** The text of a file of this class's own jar. */
  static String release() {
    try (InputStream text = AskingSource.class.getResourceAsStream("/release.txt")) {
      return text == null ? "none" : new String(text.readAllBytes(), StandardCharsets.UTF_8);
    } catch (IOException problem) {
      throw new ConnectException(problem);
    }
  }

  static void tell(Map<String, String> settings, String line) {
    try {
      Files.writeString(
          Path.of(settings.get("told")), line + "\n", StandardOpenOption.CREATE,
          StandardOpenOption.APPEND);
    } catch (IOException problem) {
      throw new ConnectException(problem);
    }
  }

  /** Gives one record a task, which tells its release and the offset that it found; or eats memory. */
  public static class AskingTask extends SourceTask {
    private Map<String, String> settings;
    private boolean given;

    @Override
    public void start(Map<String, String> given) {
      settings = given;
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
      if (settings.containsKey("eat")) {
        List<long[]> eaten = new ArrayList<>();
        while (true) {
          eaten.add(new long[1 << 20]);
        }
      }
      if (given) {
        Thread.sleep(50);
        return null;
      }
      given = true;
      Map<String, String> partition = Map.of("task", settings.get("number"));
      Map<String, Object> found = context.offsetStorageReader().offset(partition);
      tell(settings, release() + " from " + (found == null ? "none" : found.get("n")));
      return List.of(
          new SourceRecord(
              partition, Map.of("n", 1L), "asked", Schema.STRING_SCHEMA, "value " + release()));
    }

    @Override
    public void stop() {}

    @Override
    public String version() {
      return release();
    }
  }
}

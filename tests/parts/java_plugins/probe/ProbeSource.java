package probe;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.source.ExactlyOnceSupport;
import org.apache.kafka.connect.source.SourceConnector;
import org.apache.kafka.connect.source.SourceRecord;
import org.apache.kafka.connect.source.SourceTask;

/** A source that does what tests ask: gives ten records to two topics (and tells their places), blocks, or exits. */
public class ProbeSource extends SourceConnector {
  private Map<String, String> settings;

  @Override
  public void start(Map<String, String> given) {
    settings = given;
  }

  @Override
  public Class<? extends Task> taskClass() {
    return ProbeTask.class;
  }

  @Override
  public List<Map<String, String>> taskConfigs(int max) {
    return List.of(settings);
  }

  @Override
  public void stop() {}

  @Override
  public ConfigDef config() {
    return new ConfigDef()
        .define("mode", ConfigDef.Type.STRING, ConfigDef.Importance.HIGH, "What to do.")
        .define("told", ConfigDef.Type.STRING, "", ConfigDef.Importance.LOW, "Where to write.");
  }

  @Override
  public ExactlyOnceSupport exactlyOnceSupport(Map<String, String> given) {
    return ExactlyOnceSupport.SUPPORTED;
  }

  @Override
  public String version() {
    return "1";
  }

  /** The records of this class know their own number, which a copy of them would not. */
  static final class Own extends SourceRecord {
    final int number;

    Own(int number) {
      super(
          Map.of("p", "x"), Map.of("n", number), number % 2 == 0 ? "even" : "odd", null,
          Schema.INT32_SCHEMA, number, Schema.STRING_SCHEMA, "value " + number);
      this.number = number;
    }
  }

  public static class ProbeTask extends SourceTask {
    private Map<String, String> settings;
    private boolean given;

    @Override
    public void start(Map<String, String> given) {
      settings = given;
    }

    @Override
    public List<SourceRecord> poll() throws InterruptedException {
      switch (settings.get("mode")) {
        case "exit":
          System.err.println("the probe exits now");
          System.exit(7);
          return null;
        case "block":
          tell("blocked");
          try {
            Thread.sleep(Long.MAX_VALUE);
          } catch (InterruptedException stopped) {
            tell("interrupted");
            throw stopped;
          }
          return null;
        default:
          if (given) {
            Thread.sleep(50);
            return null;
          }
          given = true;
          List<SourceRecord> records = new ArrayList<>();
          for (int number = 0; number < 10; number++) {
            records.add(new Own(number));
          }
          return List.copyOf(records); // as some do: it may not be asked for null
      }
    }

    @Override
    public void commitRecord(SourceRecord record, RecordMetadata metadata) {
      String number = Integer.toString(((Own) record).number);
      if (!settings.get("mode").equals("places")) {
        tell(number);
      } else if (metadata == null) {
        tell(number + " nowhere");
      } else {
        tell(number + " " + metadata.topic() + " " + metadata.partition() + " "
            + metadata.offset() + " " + metadata.timestamp());
      }
    }

    @Override
    public void stop() {
      tell("stopped");
    }

    private void tell(String line) {
      try {
        Files.writeString(
            Path.of(settings.get("told")), line + "\n", StandardOpenOption.CREATE,
            StandardOpenOption.APPEND);
      } catch (IOException problem) {
        throw new RuntimeException(problem);
      }
    }

    @Override
    public String version() {
      return "1";
    }
  }
}

package probe;

import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.Task;
import org.apache.kafka.connect.errors.RetriableException;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.sink.SinkTask;

/** A sink that uses every method of its context, a step each time it is given records. */
public class AskingSink extends SinkConnector {
  private Map<String, String> settings;

  @Override
  public void start(Map<String, String> given) {
    settings = given;
  }

  @Override
  public Class<? extends Task> taskClass() {
    return AskingSinkTask.class;
  }

  @Override
  public List<Map<String, String>> taskConfigs(int max) {
    return List.of(settings);
  }

  @Override
  public void stop() {}

  @Override
  public boolean alterOffsets(Map<String, String> given, Map<TopicPartition, Long> offsets) {
    AskingSource.tell(given, "altered " + offsets);
    return true;
  }

  @Override
  public ConfigDef config() {
    return new ConfigDef();
  }

  @Override
  public String version() {
    return "1";
  }

  public static class AskingSinkTask extends SinkTask {
    private Map<String, String> settings;
    private int step;
    private int idle;
    private long next;

    @Override
    public void start(Map<String, String> given) {
      settings = given;
    }

    @Override
    public void open(Collection<TopicPartition> partitions) {
      tell("open " + partitions + " of " + context.assignment());
    }

    @Override
    public void close(Collection<TopicPartition> partitions) {
      tell("close " + partitions);
    }

    @Override
    public void put(Collection<SinkRecord> records) {
      TopicPartition[] all = context.assignment().toArray(new TopicPartition[0]);
      if (records.isEmpty()) {
        if (step == 3 && ++idle == 3) {
          tell("resume");
          context.resume(all);
          step = 4;
        }
        return;
      }
      switch (step) {
        case 0:
          step = 1;
          tell("fail");
          context.timeout(100);
          throw new RetriableException("once");
        case 1:
          step = 2;
          tell("rewind");
          HashMap<TopicPartition, Long> start = new HashMap<>();
          for (TopicPartition one : all) {
            start.put(one, 0L);
          }
          context.offset(start);
          return;
        case 2:
          take(records);
          if (next < 2) {
            return;
          }
          step = 3;
          tell("pause at " + next);
          context.pause(all);
          context.requestCommit();
          return;
        default:
          if (step == 3) {
            tell("records although paused");
          }
          take(records);
          tell("at " + next);
          context.requestCommit();
      }
    }

    private void take(Collection<SinkRecord> records) {
      for (SinkRecord record : records) {
        if (record.kafkaOffset() != next) {
          tell("expected " + next + ", got " + record.kafkaOffset());
        }
        next = record.kafkaOffset() + 1;
        if ("bad".equals(record.value())) {
          context.errantRecordReporter().report(record, new IllegalArgumentException("a bad one"));
        }
      }
    }

    @Override
    public Map<TopicPartition, OffsetAndMetadata> preCommit(
        Map<TopicPartition, OffsetAndMetadata> offsets) {
      if (next > 0) {
        tell("commit " + next);
      }
      return offsets;
    }

    @Override
    public void stop() {
      tell("stop");
    }

    private void tell(String line) {
      AskingSource.tell(settings, line);
    }

    @Override
    public String version() {
      return "1";
    }
  }
}

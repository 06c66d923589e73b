package probe;

import java.util.Map;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.transforms.Transformation;

/** Makes text values loud; drops the record whose value is in {@code drop}. */
public class Shout<R extends ConnectRecord<R>> implements Transformation<R> {
  private String drop = "";

  @Override
  public R apply(R record) {
    String value = (String) record.value();
    if (value.equals(drop)) {
      return null;
    }
    return record.newRecord(
        record.topic(), record.kafkaPartition(), record.keySchema(), record.key(),
        record.valueSchema(), value.toUpperCase(), record.timestamp());
  }

  @Override
  public ConfigDef config() {
    return new ConfigDef()
        .define("drop", ConfigDef.Type.STRING, "", ConfigDef.Importance.LOW, "What to drop.");
  }

  @Override
  public void configure(Map<String, ?> settings) {
    Object given = settings.get("drop");
    drop = given == null ? "" : given.toString();
  }

  @Override
  public void close() {}
}

package io.penstock.jvm;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.metrics.Metrics;
import org.apache.kafka.common.metrics.PluginMetrics;
import org.apache.kafka.common.metrics.internals.PluginMetricsImpl;
import org.apache.kafka.connect.errors.ConnectException;
import org.apache.kafka.connect.source.SourceConnectorContext;
import org.apache.kafka.connect.storage.OffsetStorageReader;

/** Small parts that contexts are made of. */
final class Parts {
  private static final ObjectMapper MAPPER =
      new ObjectMapper().enable(DeserializationFeature.USE_LONG_FOR_INTS);

  private Parts() {}

  static Object json(String text) {
    try {
      return MAPPER.readValue(text, Object.class);
    } catch (JsonProcessingException problem) {
      throw new ConnectException("not JSON: " + problem.getOriginalMessage());
    }
  }

  static PluginMetrics metrics() {
    return new PluginMetricsImpl(new Metrics(), Map.of());
  }

  /** Reads stored offsets by the host (source: OffsetStorageReaderImpl). */
  record Reader(Host host) implements OffsetStorageReader {
    @Override
    public <T> Map<String, Object> offset(Map<String, T> partition) {
      return offsets(List.of(partition)).get(partition);
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> Map<Map<String, T>, Map<String, Object>> offsets(
        Collection<Map<String, T>> partitions) {
      List<Map<String, T>> asked = new ArrayList<>(partitions);
      StringBuilder text = new StringBuilder();
      Json.write(text, asked);
      List<Object> told = (List<Object>) json(host.offsets(text.toString()));
      Map<Map<String, T>, Map<String, Object>> found = new LinkedHashMap<>();
      for (int i = 0; i < asked.size(); i++) {
        if (told.get(i) != null) {
          found.put(asked.get(i), (Map<String, Object>) told.get(i));
        }
      }
      return found;
    }
  }

  /** A connector's context; a sink connector has no use for the reader. */
  record ForConnector(Host host, PluginMetrics pluginMetrics) implements SourceConnectorContext {
    @Override
    public OffsetStorageReader offsetStorageReader() {
      return new Reader(host);
    }

    @Override
    public void requestTaskReconfiguration() {
      host.requestTaskReconfiguration();
    }

    @Override
    public void raiseError(Exception error) {
      host.raiseError(Failures.text(error));
    }
  }
}

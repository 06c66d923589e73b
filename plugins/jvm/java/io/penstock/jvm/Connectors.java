package io.penstock.jvm;

import java.net.MalformedURLException;
import java.net.URL;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.config.Config;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigValue;
import org.apache.kafka.common.config.types.Password;
import org.apache.kafka.connect.connector.Connector;
import org.apache.kafka.connect.sink.SinkConnector;
import org.apache.kafka.connect.source.ConnectorTransactionBoundaries;
import org.apache.kafka.connect.source.ExactlyOnceSupport;
import org.apache.kafka.connect.source.SourceConnector;

/** Makes plugins of a folder's jars and asks connectors; every call has the plugin's loader. */
public final class Connectors {
  private static final Map<String, PluginLoader> LOADERS = new HashMap<>();

  private Connectors() {}

  /** Return the loader of these jars, one a process. */
  public static synchronized PluginLoader loader(String[] jars) throws MalformedURLException {
    String key = String.join("\n", jars);
    PluginLoader known = LOADERS.get(key);
    if (known == null) {
      URL[] urls = new URL[jars.length];
      for (int i = 0; i < jars.length; i++) {
        urls[i] = Path.of(jars[i]).toUri().toURL();
      }
      known = new PluginLoader(urls, Connectors.class.getClassLoader());
      LOADERS.put(key, known);
    }
    return known;
  }

  public static Object make(PluginLoader loader, String name) throws Exception {
    Thread.currentThread().setContextClassLoader(loader);
    return Class.forName(name, true, loader).getDeclaredConstructor().newInstance();
  }

  public static void start(Connector connector, Host host, Map<String, String> settings) {
    Thread.currentThread().setContextClassLoader(connector.getClass().getClassLoader());
    connector.initialize(new Parts.ForConnector(host, Parts.metrics()));
    connector.start(settings);
  }

  /** Whether a source task wants to hear of each record. */
  public static boolean tellsRecords(Class<?> task) {
    for (java.lang.reflect.Method method : task.getMethods()) {
      if (method.getName().equals("commitRecord")
          && method.getDeclaringClass() != org.apache.kafka.connect.source.SourceTask.class) {
        return true;
      }
    }
    return false;
  }

  public static boolean exactlyOnce(SourceConnector connector, Map<String, String> settings) {
    return connector.exactlyOnceSupport(settings) == ExactlyOnceSupport.SUPPORTED;
  }

  public static boolean boundaries(SourceConnector connector, Map<String, String> settings) {
    return connector.canDefineTransactionBoundaries(settings)
        == ConnectorTransactionBoundaries.SUPPORTED;
  }

  /** Ask about changed offsets: a JSON list of [partition, offset]. */
  @SuppressWarnings("unchecked")
  public static boolean alter(SourceConnector connector, Map<String, String> settings, String json) {
    Map<Map<String, ?>, Map<String, ?>> offsets = new LinkedHashMap<>();
    for (Object pair : (List<Object>) Parts.json(json)) {
      List<Object> both = (List<Object>) pair;
      offsets.put((Map<String, ?>) both.get(0), (Map<String, ?>) both.get(1));
    }
    return connector.alterOffsets(settings, offsets);
  }

  public static boolean alter(SinkConnector connector, Map<String, String> settings, String json) {
    return connector.alterOffsets(settings, SinkRunner.offsets(json));
  }

  /** The keys of a component as JSON. */
  public static String keys(ConfigDef definition) {
    List<Object> all = new ArrayList<>();
    for (ConfigDef.ConfigKey key : definition.configKeys().values()) {
      if (key.internalConfig) {
        continue;
      }
      Map<String, Object> told = new LinkedHashMap<>();
      told.put("name", key.name);
      told.put("type", String.valueOf(key.type));
      told.put("required", !key.hasDefault());
      told.put("default", key.hasDefault() ? text(key.type, key.defaultValue) : null);
      told.put("doc", key.documentation == null ? "" : key.documentation);
      told.put("importance", String.valueOf(key.importance));
      told.put("group", key.group);
      told.put("order", key.orderInGroup);
      told.put("width", String.valueOf(key.width));
      told.put("display", key.displayName);
      told.put("dependents", key.dependents);
      all.add(told);
    }
    StringBuilder out = new StringBuilder();
    Json.write(out, all);
    return out.toString();
  }

  private static String text(ConfigDef.Type type, Object value) {
    return value instanceof Password secret
        ? secret.value() : ConfigDef.convertToString(value, type);
  }

  /** What a connector says of a configuration, as JSON. */
  public static String validate(Connector connector, Map<String, String> settings) {
    Thread.currentThread().setContextClassLoader(connector.getClass().getClassLoader());
    Config checked = connector.validate(settings);
    List<Object> all = new ArrayList<>();
    for (ConfigValue value : checked.configValues()) {
      Map<String, Object> told = new LinkedHashMap<>();
      told.put("name", value.name());
      told.put("errors", value.errorMessages());
      told.put("visible", value.visible());
      List<String> offered = new ArrayList<>();
      value.recommendedValues().forEach(one -> offered.add(String.valueOf(one)));
      told.put("recommended", offered);
      all.add(told);
    }
    StringBuilder out = new StringBuilder();
    Json.write(out, all);
    return out.toString();
  }
}

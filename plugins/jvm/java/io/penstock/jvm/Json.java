package io.penstock.jvm;

import java.util.Map;
import org.apache.kafka.connect.errors.DataException;

/** Source partitions and offsets as JSON. */
final class Json {
  private Json() {}

  static void write(StringBuilder out, Object value) {
    if (value == null || value instanceof Boolean) {
      out.append(value);
    } else if (value instanceof Byte || value instanceof Short || value instanceof Integer
        || value instanceof Long) {
      out.append(((Number) value).longValue());
    } else if (value instanceof Float || value instanceof Double) {
      double number = ((Number) value).doubleValue();
      if (Double.isNaN(number) || Double.isInfinite(number)) {
        throw new DataException("a source offset holds " + number + ", which JSON has no word for");
      }
      out.append(number);
    } else if (value instanceof String text) {
      quote(out, text);
    } else if (value instanceof Map<?, ?> map) {
      char before = '{';
      for (Map.Entry<?, ?> entry : map.entrySet()) {
        out.append(before);
        quote(out, String.valueOf(entry.getKey()));
        out.append(':');
        write(out, entry.getValue());
        before = ',';
      }
      out.append(before == '{' ? "{}" : "}");
    } else if (value instanceof Iterable<?> list) {
      char before = '[';
      for (Object item : list) {
        out.append(before);
        write(out, item);
        before = ',';
      }
      out.append(before == '[' ? "[]" : "]");
    } else {
      throw new DataException(
          "Offsets may only contain primitive types, got " + value.getClass().getName());
    }
  }

  private static void quote(StringBuilder out, String text) {
    out.append('"');
    for (int i = 0; i < text.length(); i++) {
      char one = text.charAt(i);
      if (one == '"' || one == '\\') {
        out.append('\\').append(one);
      } else if (one < ' ') {
        out.append(String.format("\\u%04x", (int) one));
      } else {
        out.append(one);
      }
    }
    out.append('"');
  }
}

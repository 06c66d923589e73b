package io.penstock.jvm;

import java.math.BigDecimal;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.errors.DataException;

/** The values of one schema to bytes and back, a column at a time; {@code _columns.py} likewise. */
final class Columns {
  private static final int SOLID = 0;
  private static final int HOLES = 1;
  private static final int EMPTY = 2;
  private static final int TEXTS = 3;
  private static final int MIXED = 4;

  private Columns() {}

  static void write(Out out, Schema schema, Object[] values, int count) {
    int nulls = 0;
    for (int i = 0; i < count; i++) {
      nulls += values[i] == null ? 1 : 0;
    }
    if (nulls == count) {
      out.u8(EMPTY);
      return;
    }
    if (schema == null) {
      writeAnything(out, values, count);
      return;
    }
    out.u8(nulls == 0 ? SOLID : HOLES);
    Object[] solid = values;
    if (nulls > 0) {
      solid = new Object[count - nulls];
      int at = 0;
      for (int i = 0; i < count; i++) {
        out.u8(values[i] == null ? 1 : 0);
        if (values[i] != null) {
          solid[at++] = values[i];
        }
      }
    }
    try {
      writeSolid(out, schema, solid, count - nulls);
    } catch (ClassCastException wrong) {
      throw new DataException("a value does not fit its schema " + schema + ": " + wrong.getMessage());
    }
  }

  private static void writeSolid(Out out, Schema schema, Object[] values, int count) {
    String logical = Schemas.logical(schema);
    if (logical != null) {
      Object[] plain = new Object[count];
      for (int i = 0; i < count; i++) {
        plain[i] = plain(schema, logical, values[i]);
      }
      values = plain;
    }
    switch (schema.type()) {
      case INT8, BOOLEAN -> {
        for (int i = 0; i < count; i++) {
          out.u8(values[i] instanceof Boolean yes ? (yes ? 1 : 0) : (Byte) values[i]);
        }
      }
      case INT16 -> {
        for (int i = 0; i < count; i++) {
          short value = (Short) values[i];
          out.u8(value);
          out.u8(value >> 8);
        }
      }
      case INT32 -> {
        for (int i = 0; i < count; i++) {
          out.i32((Integer) values[i]);
        }
      }
      case INT64 -> {
        for (int i = 0; i < count; i++) {
          out.i64((Long) values[i]);
        }
      }
      case FLOAT32 -> {
        for (int i = 0; i < count; i++) {
          out.i32(Float.floatToRawIntBits((Float) values[i]));
        }
      }
      case FLOAT64 -> {
        for (int i = 0; i < count; i++) {
          out.f64((Double) values[i]);
        }
      }
      case STRING -> writeTexts(out, values, count);
      case BYTES -> writeBlobs(out, values, count);
      case ARRAY -> writeLists(out, schema, values, count);
      case MAP -> writeMaps(out, schema, values, count);
      default -> writeStructs(out, schema, values, count);
    }
  }

  private static Object plain(Schema schema, String logical, Object value) {
    return switch (logical) {
      case Decimal.LOGICAL_NAME -> value instanceof BigDecimal number
          ? Decimal.fromLogical(schema, number) : value;
      case Date.LOGICAL_NAME -> value instanceof java.util.Date date
          ? (Object) Date.fromLogical(schema, date) : value;
      case Time.LOGICAL_NAME -> value instanceof java.util.Date date
          ? (Object) Time.fromLogical(schema, date) : value;
      default -> value instanceof java.util.Date date
          ? (Object) Timestamp.fromLogical(schema, date) : value;
    };
  }

  static void writeTexts(Out out, Object[] values, int count) {
    int lengths = out.room(4 * count);
    for (int i = 0; i < count; i++) {
      byte[] text = ((String) values[i]).getBytes(StandardCharsets.UTF_8);
      out.i32At(lengths + 4 * i, text.length);
      out.raw(text);
    }
  }

  private static void writeBlobs(Out out, Object[] values, int count) {
    int lengths = out.room(4 * count);
    for (int i = 0; i < count; i++) {
      byte[] blob = bytes(values[i]);
      out.i32At(lengths + 4 * i, blob.length);
      out.raw(blob);
    }
  }

  private static byte[] bytes(Object value) {
    if (value instanceof ByteBuffer buffer) {
      byte[] read = new byte[buffer.remaining()];
      buffer.duplicate().get(read);
      return read;
    }
    if (value instanceof byte[] blob) {
      return blob;
    }
    throw new DataException(
        "a value of " + value.getClass().getName() + " has schema BYTES and cannot leave Java; "
            + "name a Java transform in 'transforms' that makes bytes or text of it");
  }

  private static void writeLists(Out out, Schema schema, Object[] values, int count) {
    List<Object> all = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      List<?> list = (List<?>) values[i];
      out.i32(list.size());
      all.addAll(list);
    }
    write(out, schema.valueSchema(), all.toArray(), all.size());
  }

  private static void writeMaps(Out out, Schema schema, Object[] values, int count) {
    List<Object> keys = new ArrayList<>();
    List<Object> items = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      Map<?, ?> map = (Map<?, ?>) values[i];
      out.i32(map.size());
      map.forEach(
          (key, item) -> {
            keys.add(key);
            items.add(item);
          });
    }
    write(out, schema.keySchema(), keys.toArray(), keys.size());
    write(out, schema.valueSchema(), items.toArray(), items.size());
  }

  private static void writeStructs(Out out, Schema schema, Object[] values, int count) {
    Object[] column = new Object[count];
    for (Field field : schema.fields()) {
      for (int i = 0; i < count; i++) {
        column[i] = ((Struct) values[i]).getWithoutDefault(field.name());
      }
      write(out, field.schema(), column, count);
    }
  }

  private static void writeAnything(Out out, Object[] values, int count) {
    boolean texts = true;
    for (int i = 0; i < count && texts; i++) {
      texts = values[i] instanceof String;
    }
    out.u8(texts ? TEXTS : MIXED);
    if (texts) {
      writeTexts(out, values, count);
      return;
    }
    for (int i = 0; i < count; i++) {
      Anything.write(out, values[i]);
    }
  }

  static Object[] read(In in, Schema schema, int count) {
    int kind = in.u8();
    Object[] read = new Object[count];
    switch (kind) {
      case EMPTY -> {
        return read;
      }
      case TEXTS -> {
        return readTexts(in, count);
      }
      case MIXED -> {
        for (int i = 0; i < count; i++) {
          read[i] = Anything.read(in);
        }
        return read;
      }
      case SOLID -> {
        return readSolid(in, schema, count);
      }
      default -> {
        byte[] holes = in.raw(count);
        int solid = 0;
        for (byte hole : holes) {
          solid += hole == 0 ? 1 : 0;
        }
        Object[] values = readSolid(in, schema, solid);
        int at = 0;
        for (int i = 0; i < count; i++) {
          read[i] = holes[i] == 0 ? values[at++] : null;
        }
        return read;
      }
    }
  }

  private static Object[] readTexts(In in, int count) {
    int[] lengths = in.i32s(count);
    Object[] read = new Object[count];
    for (int i = 0; i < count; i++) {
      read[i] = in.text(lengths[i]);
    }
    return read;
  }

  private static Object[] readSolid(In in, Schema schema, int count) {
    Object[] read = new Object[count];
    switch (schema.type()) {
      case STRING -> read = readTexts(in, count);
      case BYTES -> {
        int[] lengths = in.i32s(count);
        for (int i = 0; i < count; i++) {
          read[i] = in.raw(lengths[i]);
        }
      }
      case ARRAY -> readLists(in, schema, read);
      case MAP -> readMaps(in, schema, read);
      case STRUCT -> {
        for (int i = 0; i < count; i++) {
          read[i] = new Struct(schema);
        }
        for (Field field : schema.fields()) {
          Object[] column = read(in, field.schema(), count);
          for (int i = 0; i < count; i++) {
            if (column[i] != null) {
              ((Struct) read[i]).put(field, column[i]);
            }
          }
        }
      }
      default -> {
        for (int i = 0; i < count; i++) {
          read[i] = number(in, schema.type());
        }
      }
    }
    String logical = Schemas.logical(schema);
    if (logical != null) {
      for (int i = 0; i < count; i++) {
        read[i] = rich(schema, logical, read[i]);
      }
    }
    return read;
  }

  private static Object number(In in, Schema.Type type) {
    switch (type) {
      case INT8:
        return in.i8();
      case INT16:
        return in.i16();
      case INT32:
        return in.i32();
      case INT64:
        return in.i64();
      case FLOAT32:
        return in.f32();
      case FLOAT64:
        return in.f64();
      default:
        return in.u8() == 1;
    }
  }

  private static Object rich(Schema schema, String logical, Object value) {
    return switch (logical) {
      case Decimal.LOGICAL_NAME -> Decimal.toLogical(schema, (byte[]) value);
      case Date.LOGICAL_NAME -> Date.toLogical(schema, (Integer) value);
      case Time.LOGICAL_NAME -> Time.toLogical(schema, (Integer) value);
      default -> Timestamp.toLogical(schema, (Long) value);
    };
  }

  private static void readLists(In in, Schema schema, Object[] read) {
    int[] lengths = in.i32s(read.length);
    int total = 0;
    for (int length : lengths) {
      total += length;
    }
    Object[] all = read(in, schema.valueSchema(), total);
    int at = 0;
    for (int i = 0; i < read.length; i++) {
      List<Object> list = new ArrayList<>(lengths[i]);
      for (int left = lengths[i]; left > 0; left--) {
        list.add(all[at++]);
      }
      read[i] = list;
    }
  }

  private static void readMaps(In in, Schema schema, Object[] read) {
    int[] lengths = in.i32s(read.length);
    int total = 0;
    for (int length : lengths) {
      total += length;
    }
    Object[] keys = read(in, schema.keySchema(), total);
    Object[] items = read(in, schema.valueSchema(), total);
    int at = 0;
    for (int i = 0; i < read.length; i++) {
      Map<Object, Object> map = new LinkedHashMap<>();
      for (int left = lengths[i]; left > 0; left--, at++) {
        map.put(keys[at], items[at]);
      }
      read[i] = map;
    }
  }
}

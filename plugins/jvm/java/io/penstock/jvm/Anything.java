package io.penstock.jvm;

import java.math.BigDecimal;
import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Date;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.errors.DataException;

/** Values without a schema, each with a letter that tells what it is. */
final class Anything {
  private Anything() {}

  static void write(Out out, Object value) {
    if (value == null) {
      out.u8('0');
    } else if (value instanceof Boolean yes) {
      out.u8(yes ? 't' : 'f');
    } else if (value instanceof Byte || value instanceof Short || value instanceof Integer
        || value instanceof Long) {
      out.u8('i');
      out.i64(((Number) value).longValue());
    } else if (value instanceof Float || value instanceof Double) {
      out.u8('d');
      out.f64(((Number) value).doubleValue());
    } else if (value instanceof String || value instanceof Character || value instanceof Enum) {
      out.u8('s');
      out.text(value.toString());
    } else if (value instanceof byte[] blob) {
      out.u8('b');
      out.blob(blob);
    } else if (value instanceof ByteBuffer buffer) {
      byte[] read = new byte[buffer.remaining()];
      buffer.duplicate().get(read);
      out.u8('b');
      out.blob(read);
    } else if (value instanceof BigDecimal number) {
      out.u8('n');
      out.text(number.toString());
    } else if (value instanceof BigInteger number) {
      out.u8('I');
      out.text(number.toString());
    } else if (value instanceof Date date) {
      out.u8('D');
      out.i64(date.getTime());
    } else {
      writeNested(out, value);
    }
  }

  private static void writeNested(Out out, Object value) {
    if (value instanceof List<?> list) {
      out.u8('l');
      out.i32(list.size());
      list.forEach(item -> write(out, item));
    } else if (value instanceof Map<?, ?> map) {
      out.u8('m');
      out.i32(map.size());
      map.forEach(
          (key, item) -> {
            write(out, key);
            write(out, item);
          });
    } else if (value instanceof Struct struct) {
      out.u8('m');
      out.i32(struct.schema().fields().size());
      for (Field field : struct.schema().fields()) {
        write(out, field.name());
        write(out, struct.get(field));
      }
    } else {
      throw new DataException(
          "a value of " + value.getClass().getName() + " cannot leave Java; name a Java transform "
              + "in 'transforms' that makes text, bytes, a map or a struct of it");
    }
  }

  static Object read(In in) {
    int kind = in.u8();
    switch (kind) {
      case '0':
        return null;
      case 't':
        return true;
      case 'f':
        return false;
      case 'i':
        return in.i64();
      case 'd':
        return in.f64();
      case 's':
        return in.text();
      case 'b':
        return in.raw(in.i32());
      case 'n':
        return new BigDecimal(in.text());
      case 'I':
        return new BigInteger(in.text());
      case 'D':
        return new Date(in.i64());
      case 'l':
        int items = in.i32();
        List<Object> list = new ArrayList<>(items);
        for (int left = items; left > 0; left--) {
          list.add(read(in));
        }
        return list;
      case 'm':
        Map<Object, Object> map = new LinkedHashMap<>();
        for (int left = in.i32(); left > 0; left--) {
          Object key = read(in);
          map.put(key, read(in));
        }
        return map;
      default:
        throw new DataException("a value of unknown kind " + kind);
    }
  }
}

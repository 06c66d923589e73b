package io.penstock.jvm;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.data.ConnectSchema;
import org.apache.kafka.connect.data.Date;
import org.apache.kafka.connect.data.Decimal;
import org.apache.kafka.connect.data.Field;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Time;
import org.apache.kafka.connect.data.Timestamp;

/** Schemas to bytes and back; one table a batch, whose places the columns name. */
final class Schemas {
  private static final int REMEMBERED_MAX = 1000;
  private static final Schema.Type[] TYPES = Schema.Type.values();
  private static final Map<String, Schema.Type> LOGICAL =
      Map.of(
          Decimal.LOGICAL_NAME, Schema.Type.BYTES,
          Date.LOGICAL_NAME, Schema.Type.INT32,
          Time.LOGICAL_NAME, Schema.Type.INT32,
          Timestamp.LOGICAL_NAME, Schema.Type.INT64);

  private final IdentityHashMap<Schema, byte[]> remembered = new IdentityHashMap<>();
  private final IdentityHashMap<Schema, Integer> places = new IdentityHashMap<>();
  private final Map<String, Integer> byBytes = new HashMap<>();
  private final List<byte[]> table = new ArrayList<>();

  /** Forget the table of the last batch. */
  void begin() {
    places.clear();
    byBytes.clear();
    table.clear();
  }

  /** Return a schema's place in this batch's table, -1 for none. */
  int place(Schema schema) {
    if (schema == null) {
      return -1;
    }
    Integer known = places.get(schema);
    if (known != null) {
      return known;
    }
    byte[] written = remembered.get(schema);
    if (written == null) {
      Out out = new Out();
      write(out, schema);
      written = out.copy();
      // A builder may change yet, and is another object for each record.
      if (schema instanceof ConnectSchema) {
        if (remembered.size() >= REMEMBERED_MAX) {
          remembered.clear();
        }
        remembered.put(schema, written);
      }
    }
    String text = new String(written, java.nio.charset.StandardCharsets.ISO_8859_1);
    Integer place = byBytes.get(text);
    if (place == null) {
      place = table.size();
      table.add(written);
      byBytes.put(text, place);
    }
    places.put(schema, place);
    return place;
  }

  void writeTable(Out out) {
    out.i32(table.size());
    for (byte[] written : table) {
      out.blob(written);
    }
  }

  /** Return the name of the logical type whose Java values a schema has, or null. */
  static String logical(Schema schema) {
    String name = schema.name();
    return name != null && LOGICAL.get(name) == schema.type() ? name : null;
  }

  private static void write(Out out, Schema schema) {
    out.u8(schema.type().ordinal());
    out.u8(schema.isOptional() ? 1 : 0);
    out.text(schema.name());
    out.u8(schema.version() == null ? 0 : 1);
    out.i32(schema.version() == null ? 0 : schema.version());
    out.text(schema.doc());
    Map<String, String> parameters = schema.parameters();
    out.i32(parameters == null ? 0 : parameters.size());
    if (parameters != null) {
      parameters.forEach(
          (key, value) -> {
            out.text(key);
            out.text(value);
          });
    }
    switch (schema.type()) {
      case STRUCT -> {
        out.i32(schema.fields().size());
        for (Field field : schema.fields()) {
          out.text(field.name());
          write(out, field.schema());
        }
      }
      case MAP -> {
        write(out, schema.keySchema());
        write(out, schema.valueSchema());
      }
      case ARRAY -> write(out, schema.valueSchema());
      default -> { }
    }
    Object missing = schema.defaultValue();
    out.u8(missing == null ? 0 : 1);
    if (missing != null) {
      Columns.write(out, schema, new Object[] {missing}, 1);
    }
  }

  static Schema read(In in) {
    Schema.Type type = TYPES[in.u8()];
    boolean optional = in.u8() == 1;
    String name = in.text();
    boolean versioned = in.u8() == 1;
    int version = in.i32();
    String doc = in.text();
    Map<String, String> parameters = new LinkedHashMap<>();
    for (int left = in.i32(); left > 0; left--) {
      String key = in.text();
      parameters.put(key, in.text());
    }
    SchemaBuilder builder = builder(in, type);
    if (optional) {
      builder.optional();
    }
    if (name != null) {
      builder.name(name);
    }
    if (versioned) {
      builder.version(version);
    }
    if (doc != null) {
      builder.doc(doc);
    }
    if (!parameters.isEmpty()) {
      builder.parameters(parameters);
    }
    if (in.u8() == 1) {
      builder.defaultValue(Columns.read(in, builder.build(), 1)[0]);
    }
    return builder.build();
  }

  private static SchemaBuilder builder(In in, Schema.Type type) {
    switch (type) {
      case STRUCT -> {
        SchemaBuilder struct = SchemaBuilder.struct();
        for (int left = in.i32(); left > 0; left--) {
          String field = in.text();
          struct.field(field, read(in));
        }
        return struct;
      }
      case MAP -> {
        Schema keys = read(in);
        return SchemaBuilder.map(keys, read(in));
      }
      case ARRAY -> {
        return SchemaBuilder.array(read(in));
      }
      default -> {
        return new SchemaBuilder(type);
      }
    }
  }
}

package io.penstock.jvm;

import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.source.SourceRecord;

/** One poll to bytes; {@code _frames.py} reads them. Owner: the thread that polls. */
final class SourceFrames {
  private final Schemas schemas = new Schemas();
  private final Out out = new Out();
  private final Out body = new Out();

  private record Kind(String topic, int key, int value) {}

  private static final class Group {
    final List<SourceRecord> records = new ArrayList<>();
    final List<Integer> rows = new ArrayList<>();
  }

  byte[] write(
      long number, List<SourceRecord> polled, Chain chain, SourceRunner.Boundaries boundaries) {
    schemas.begin();
    out.reset();
    body.reset();
    out.i64(number);
    out.i32(polled.size());
    writePlaces(polled);
    writeBoundaries(polled, boundaries);
    Map<Kind, Group> groups = grouped(polled, chain);
    groups.forEach((kind, group) -> writeGroup(kind, group, polled.size()));
    schemas.writeTable(out);
    out.i32(groups.size());
    out.raw(body);
    return out.copy();
  }

  private void writePlaces(List<SourceRecord> polled) {
    Map<Object, Integer> byObject = new IdentityHashMap<>();
    Map<Object, Integer> byValue = new LinkedHashMap<>();
    StringBuilder offsets = new StringBuilder(32 * polled.size()).append('[');
    int[] indexes = new int[polled.size()];
    for (int i = 0; i < polled.size(); i++) {
      SourceRecord record = polled.get(i);
      Object partition = record.sourcePartition();
      Integer index = byObject.get(partition);
      if (index == null) {
        index = byValue.computeIfAbsent(partition, absent -> byValue.size());
        byObject.put(partition, index);
      }
      indexes[i] = index;
      if (i > 0) {
        offsets.append(',');
      }
      Json.write(offsets, record.sourceOffset());
    }
    StringBuilder partitions = new StringBuilder();
    Json.write(partitions, byValue.keySet());
    out.text(partitions.toString());
    if (byValue.size() > 1) {
      for (int index : indexes) {
        out.i32(index);
      }
    }
    out.text(offsets.append(']').toString());
  }

  private void writeBoundaries(List<SourceRecord> polled, SourceRunner.Boundaries boundaries) {
    if (boundaries == null) {
      out.u8('0');
      out.i32(0);
      return;
    }
    out.u8(boundaries.after);
    int at = out.room(4);
    int count = 0;
    if (!boundaries.records.isEmpty()) {
      for (int i = 0; i < polled.size(); i++) {
        Character mark = boundaries.records.get(polled.get(i));
        if (mark != null) {
          out.i32(i);
          out.u8(mark);
          count++;
        }
      }
    }
    out.i32At(at, count);
    boundaries.written();
  }

  private Map<Kind, Group> grouped(List<SourceRecord> polled, Chain chain) {
    Map<Kind, Group> groups = new LinkedHashMap<>();
    Kind last = null;
    Group group = null;
    for (int i = 0; i < polled.size(); i++) {
      SourceRecord record = polled.get(i);
      if (!chain.isEmpty()) {
        record = chain.apply(record);
        if (record == null) {
          continue;
        }
      }
      int key = schemas.place(record.keySchema());
      int value = schemas.place(record.valueSchema());
      if (last == null || last.key != key || last.value != value
          || !last.topic.equals(record.topic())) {
        last = new Kind(record.topic(), key, value);
        group = groups.computeIfAbsent(last, absent -> new Group());
      }
      group.records.add(record);
      group.rows.add(i);
    }
    return groups;
  }

  private void writeGroup(Kind kind, Group group, int total) {
    int count = group.records.size();
    body.text(kind.topic);
    body.i32(kind.key);
    body.i32(kind.value);
    body.i32(count);
    if (count < total) {
      group.rows.forEach(body::i32);
    }
    Object[] column = new Object[count];
    for (int i = 0; i < count; i++) {
      Integer partition = group.records.get(i).kafkaPartition();
      column[i] = partition == null ? null : (Object) partition.longValue();
    }
    Columns.write(body, org.apache.kafka.connect.data.Schema.OPTIONAL_INT64_SCHEMA, column, count);
    for (int i = 0; i < count; i++) {
      column[i] = group.records.get(i).timestamp();
    }
    Columns.write(body, org.apache.kafka.connect.data.Schema.OPTIONAL_INT64_SCHEMA, column, count);
    writeHeaders(group.records);
    for (int i = 0; i < count; i++) {
      column[i] = group.records.get(i).key();
    }
    Columns.write(body, group.records.get(0).keySchema(), column, count);
    for (int i = 0; i < count; i++) {
      column[i] = group.records.get(i).value();
    }
    Columns.write(body, group.records.get(0).valueSchema(), column, count);
  }

  private void writeHeaders(List<SourceRecord> records) {
    boolean none = true;
    for (SourceRecord record : records) {
      none &= record.headers().isEmpty();
    }
    body.u8(none ? 0 : 1);
    if (none) {
      return;
    }
    for (SourceRecord record : records) {
      body.i32(record.headers().size());
      for (Header header : record.headers()) {
        body.text(header.key());
        body.i32(schemas.place(header.schema()));
        Columns.write(body, header.schema(), new Object[] {header.value()}, 1);
      }
    }
  }
}

package io.penstock.jvm;

import org.apache.kafka.connect.data.Schema;

/** Reads a column and writes it again: that Java and Python mean the same bytes, for tests. */
public final class Mirror {
  private Mirror() {}

  /** Take a schema (with a byte that says whether there is one), a count and a column. */
  public static byte[] again(byte[] bytes) {
    In in = new In(bytes);
    Schema schema = in.u8() == 1 ? Schemas.read(in) : null;
    int count = in.i32();
    Object[] values = Columns.read(in, schema, count);
    Out out = new Out();
    Schemas table = new Schemas();
    table.place(schema);
    table.writeTable(out);
    Columns.write(out, schema, values, count);
    return out.copy();
  }
}

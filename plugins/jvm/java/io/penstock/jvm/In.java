package io.penstock.jvm;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Reads what {@link Out}, or its counterpart in Python, wrote. */
final class In {
  private final ByteBuffer buffer;

  In(byte[] bytes) {
    buffer = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  int u8() {
    return buffer.get() & 0xff;
  }

  byte i8() {
    return buffer.get();
  }

  short i16() {
    return buffer.getShort();
  }

  int i32() {
    return buffer.getInt();
  }

  long i64() {
    return buffer.getLong();
  }

  float f32() {
    return buffer.getFloat();
  }

  double f64() {
    return buffer.getDouble();
  }

  byte[] raw(int length) {
    byte[] read = new byte[length];
    buffer.get(read);
    return read;
  }

  int[] i32s(int count) {
    int[] read = new int[count];
    for (int i = 0; i < count; i++) {
      read[i] = buffer.getInt();
    }
    return read;
  }

  String text() {
    int length = i32();
    return length < 0 ? null : new String(raw(length), StandardCharsets.UTF_8);
  }

  /** The text of {@code length} bytes, without a copy between. */
  String text(int length) {
    String read =
        new String(buffer.array(), buffer.position(), length, StandardCharsets.UTF_8);
    buffer.position(buffer.position() + length);
    return read;
  }
}

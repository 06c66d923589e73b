package io.penstock.jvm;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/** A growing buffer; numbers are little-endian, as Python's arrays have them. */
final class Out {
  private static final VarHandle INT = view(int[].class);
  private static final VarHandle LONG = view(long[].class);
  private byte[] bytes = new byte[1 << 16];
  private int size;

  private static VarHandle view(Class<?> kind) {
    return MethodHandles.byteArrayViewVarHandle(kind, ByteOrder.LITTLE_ENDIAN);
  }

  /** Make room and return where it begins. */
  int room(int wanted) {
    int at = size;
    int end = Math.addExact(at, wanted);
    if (end > bytes.length) {
      bytes = Arrays.copyOf(bytes, Math.max(end, (int) Math.min(2L * bytes.length, Integer.MAX_VALUE - 8)));
    }
    size = end;
    return at;
  }

  int size() {
    return size;
  }

  void u8(int value) {
    int at = room(1); // first: it may replace the array
    bytes[at] = (byte) value;
  }

  void i32(int value) {
    int at = room(4);
    INT.set(bytes, at, value);
  }

  void i32At(int at, int value) {
    INT.set(bytes, at, value);
  }

  void i64(long value) {
    int at = room(8);
    LONG.set(bytes, at, value);
  }

  void f64(double value) {
    i64(Double.doubleToRawLongBits(value));
  }

  void raw(byte[] value) {
    raw(value, 0, value.length);
  }

  void raw(byte[] value, int from, int length) {
    int at = room(length);
    System.arraycopy(value, from, bytes, at, length);
  }

  void raw(Out other) {
    raw(other.bytes, 0, other.size);
  }

  void text(String value) {
    if (value == null) {
      i32(-1);
    } else {
      blob(value.getBytes(StandardCharsets.UTF_8));
    }
  }

  void blob(byte[] value) {
    i32(value.length);
    raw(value);
  }

  void reset() {
    size = 0;
    if (bytes.length > 1 << 26) { // one huge poll does not hold its memory for ever
      bytes = new byte[1 << 16];
    }
  }

  byte[] copy() {
    return Arrays.copyOf(bytes, size);
  }
}

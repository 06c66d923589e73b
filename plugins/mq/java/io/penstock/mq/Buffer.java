package io.penstock.mq;

import java.io.ByteArrayOutputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;

/** Columns of a batch: the lengths of all cells first, then their bytes; a length of -1 is null. */
final class Buffer {
    private final ByteArrayOutputStream lengths = new ByteArrayOutputStream();
    private final DataOutputStream lengthWords = new DataOutputStream(lengths);
    private final ByteArrayOutputStream cells = new ByteArrayOutputStream();

    void add(byte[] cell) throws IOException {
        lengthWords.writeInt(cell == null ? -1 : cell.length);
        if (cell != null) {
            cells.write(cell);
        }
    }

    void add(String text) throws IOException {
        add(text == null ? null : text.getBytes(StandardCharsets.UTF_8));
    }

    int size() {
        return cells.size();
    }

    void writeTo(DataOutputStream out) throws IOException {
        lengths.writeTo(out);
        out.writeInt(cells.size());
        cells.writeTo(out);
    }
}

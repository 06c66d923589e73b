package io.penstock.mq;

import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Enumeration;
import javax.jms.JMSException;
import javax.jms.Message;

/** Properties of a message with their types, to and from bytes. */
final class Properties {
    private Properties() {}

    static byte[] read(Message message) throws JMSException, IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        DataOutputStream out = new DataOutputStream(bytes);
        Enumeration<?> names = message.getPropertyNames();
        while (names.hasMoreElements()) {
            String name = String.valueOf(names.nextElement());
            Object value;
            try {
                value = message.getObjectProperty(name);
            } catch (JMSException unreadable) {
                continue;
            }
            text(out, name);
            write(out, value);
        }
        return bytes.toByteArray();
    }

    private static void write(DataOutputStream out, Object value) throws IOException {
        if (value == null) {
            out.writeByte(0);
        } else if (value instanceof Boolean) {
            out.writeByte(2);
            out.writeBoolean((Boolean) value);
        } else if (value instanceof Byte) {
            out.writeByte(3);
            out.writeByte((Byte) value);
        } else if (value instanceof Short) {
            out.writeByte(4);
            out.writeShort((Short) value);
        } else if (value instanceof Integer) {
            out.writeByte(5);
            out.writeInt((Integer) value);
        } else if (value instanceof Long) {
            out.writeByte(6);
            out.writeLong((Long) value);
        } else if (value instanceof Float) {
            out.writeByte(7);
            out.writeFloat((Float) value);
        } else if (value instanceof Double) {
            out.writeByte(8);
            out.writeDouble((Double) value);
        } else if (value instanceof byte[]) {
            out.writeByte(9);
            out.writeInt(((byte[]) value).length);
            out.write((byte[]) value);
        } else {
            out.writeByte(1);
            text(out, value.toString());
        }
    }

    static void set(DataInputStream in, Message message) throws JMSException, IOException {
        String name = text(in);
        switch (in.readByte()) {
            case 1 -> message.setStringProperty(name, text(in));
            case 2 -> message.setBooleanProperty(name, in.readBoolean());
            case 3 -> message.setByteProperty(name, in.readByte());
            case 4 -> message.setShortProperty(name, in.readShort());
            case 5 -> message.setIntProperty(name, in.readInt());
            case 6 -> message.setLongProperty(name, in.readLong());
            case 7 -> message.setFloatProperty(name, in.readFloat());
            case 8 -> message.setDoubleProperty(name, in.readDouble());
            case 9 -> message.setObjectProperty(name, in.readNBytes(in.readInt()));
            default -> message.setStringProperty(name, null);
        }
    }

    private static void text(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }

    static String text(DataInputStream in) throws IOException {
        return new String(in.readNBytes(in.readInt()), StandardCharsets.UTF_8);
    }
}

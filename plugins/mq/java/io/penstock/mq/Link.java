package io.penstock.mq;

import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Enumeration;
import java.util.List;
import javax.jms.BytesMessage;
import javax.jms.Connection;
import javax.jms.ConnectionFactory;
import javax.jms.DeliveryMode;
import javax.jms.Destination;
import javax.jms.JMSException;
import javax.jms.Message;
import javax.jms.MessageConsumer;
import javax.jms.MessageProducer;
import javax.jms.QueueBrowser;
import javax.jms.Session;
import javax.jms.TextMessage;

/**
 * One connection and its transacted session: many messages a call, in one buffer.
 *
 * <p>Only the classic interface of JMS 1.1 is used, which every provider has.
 */
public final class Link {
    private static final int BATCH_BYTES = 16 * 1024 * 1024;
    private static final long STATE_WAIT_MS = 1000;
    private final Connection connection;
    private final Session session;
    private MessageConsumer consumer;
    private MessageProducer producer;

    public Link(ConnectionFactory factory, String user, String password) throws JMSException {
        connection =
                user == null ? factory.createConnection() : factory.createConnection(user, password);
        try {
            session = connection.createSession(true, Session.SESSION_TRANSACTED);
            connection.start();
        } catch (JMSException problem) {
            connection.close();
            throw problem;
        }
    }

    public Session session() {
        return session;
    }

    public void read(Destination from) throws JMSException {
        consumer = session.createConsumer(from);
    }

    public void write(Destination to, boolean persistent, long timeToLive) throws JMSException {
        producer = session.createProducer(to);
        producer.setDeliveryMode(
                persistent ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
        producer.setTimeToLive(timeToLive);
    }

    /** Receive up to {@code max} messages, all in the session's transaction; null when none. */
    public byte[] receive(int max, long firstMs, long nextMs, long mostMs, boolean properties)
            throws JMSException, IOException {
        Message message = firstMs > 0 ? consumer.receive(firstMs) : consumer.receiveNoWait();
        if (message == null) {
            return null;
        }
        Gathered gathered = new Gathered(properties);
        long began = System.nanoTime();
        while (message != null) {
            gathered.add(message);
            boolean late = mostMs > 0 && System.nanoTime() - began >= mostMs * 1_000_000;
            if (gathered.count >= max || gathered.bodies.size() >= BATCH_BYTES || late) {
                break;
            }
            message = nextMs > 0 ? consumer.receive(nextMs) : consumer.receiveNoWait();
        }
        return gathered.bytes();
    }

    /** Send the messages of a buffer in the session's transaction. */
    public void send(byte[] buffer, Destination replyTo) throws JMSException, IOException {
        DataInputStream in = new DataInputStream(new ByteArrayInputStream(buffer));
        int count = in.readInt();
        for (int i = 0; i < count; i++) {
            Message message;
            byte kind = in.readByte();
            byte[] body = kind == 0 ? null : in.readNBytes(in.readInt());
            if (kind == 1) {
                message =
                        session.createTextMessage(
                                new String(body, java.nio.charset.StandardCharsets.UTF_8));
            } else if (kind == 2) {
                BytesMessage made = session.createBytesMessage();
                made.writeBytes(body);
                message = made;
            } else {
                message = session.createMessage();
            }
            byte correlation = in.readByte();
            if (correlation == 1) {
                message.setJMSCorrelationID(Properties.text(in));
            } else if (correlation == 2) {
                message.setJMSCorrelationIDAsBytes(in.readNBytes(in.readInt()));
            }
            if (replyTo != null) {
                message.setJMSReplyTo(replyTo);
            }
            int properties = in.readInt();
            for (int p = 0; p < properties; p++) {
                Properties.set(in, message);
            }
            producer.send(message);
        }
    }

    public void commit() throws JMSException {
        session.commit();
    }

    public void rollback() throws JMSException {
        session.rollback();
    }

    /** Return the texts on a state queue, without taking them; null stands for another kind. */
    public String[] states(String queue) throws JMSException {
        QueueBrowser browser = session.createBrowser(session.createQueue(queue));
        try {
            List<String> found = new ArrayList<>();
            Enumeration<?> messages = browser.getEnumeration();
            while (messages.hasMoreElements()) {
                Object message = messages.nextElement();
                found.add(message instanceof TextMessage ? ((TextMessage) message).getText() : null);
            }
            return found.toArray(new String[0]);
        } finally {
            browser.close();
        }
    }

    /** Take the state message in the session's transaction; null when there is none. */
    public String takeState(String queue) throws JMSException {
        // Closed at once: an open consumer would hold the next state, so that nobody can browse it.
        MessageConsumer once = session.createConsumer(session.createQueue(queue));
        try {
            Message taken = once.receive(STATE_WAIT_MS);
            return taken instanceof TextMessage ? ((TextMessage) taken).getText() : null;
        } finally {
            once.close();
        }
    }

    /** Put a state message, in the session's transaction. */
    public void putState(String queue, String text) throws JMSException {
        MessageProducer once = session.createProducer(session.createQueue(queue));
        try {
            once.setDeliveryMode(DeliveryMode.PERSISTENT);
            once.send(session.createTextMessage(text));
        } finally {
            once.close();
        }
    }

    public void close() throws JMSException {
        connection.close();
    }

    /** What was received so far, by column. */
    private static final class Gathered {
        private final boolean withProperties;
        private int count;
        private final ByteArrayOutputStream kinds = new ByteArrayOutputStream();
        private final ByteArrayOutputStream times = new ByteArrayOutputStream();
        private final DataOutputStream timeWords = new DataOutputStream(times);
        private final Buffer bodies = new Buffer();
        private final Buffer ids = new Buffer();
        private final Buffer correlations = new Buffer();
        private final Buffer rawCorrelations = new Buffer();
        private final Buffer destinations = new Buffer();
        private final Buffer groups = new Buffer();
        private final Buffer properties = new Buffer();

        Gathered(boolean withProperties) {
            this.withProperties = withProperties;
        }

        void add(Message message) throws JMSException, IOException {
            body(message);
            timeWords.writeLong(message.getJMSTimestamp());
            ids.add(message.getJMSMessageID());
            correlations.add(message.getJMSCorrelationID());
            rawCorrelations.add(raw(message));
            Destination to = message.getJMSDestination();
            destinations.add(to == null ? null : to.toString());
            groups.add(message.getStringProperty("JMSXGroupID"));
            properties.add(withProperties ? Properties.read(message) : null);
            count++;
        }

        private static byte[] raw(Message message) {
            try {
                return message.getJMSCorrelationIDAsBytes();
            } catch (JMSException | RuntimeException none) {
                return null;
            }
        }

        private void body(Message message) throws JMSException, IOException {
            if (message instanceof TextMessage) {
                String text = ((TextMessage) message).getText();
                kinds.write(text == null ? 0 : 1);
                bodies.add(text);
            } else if (message instanceof BytesMessage) {
                BytesMessage given = (BytesMessage) message;
                byte[] read = new byte[Math.toIntExact(given.getBodyLength())];
                given.readBytes(read);
                kinds.write(read.length == 0 ? 0 : 2);
                bodies.add(read.length == 0 ? null : read);
            } else {
                boolean other =
                        message instanceof javax.jms.MapMessage
                                || message instanceof javax.jms.ObjectMessage
                                || message instanceof javax.jms.StreamMessage;
                kinds.write(other ? 3 : 0);
                bodies.add(other ? message.toString() : null);
            }
        }

        byte[] bytes() throws IOException {
            ByteArrayOutputStream whole = new ByteArrayOutputStream(bodies.size() + 256 * count);
            DataOutputStream out = new DataOutputStream(whole);
            out.writeInt(count);
            kinds.writeTo(out);
            times.writeTo(out);
            bodies.writeTo(out);
            ids.writeTo(out);
            correlations.writeTo(out);
            rawCorrelations.writeTo(out);
            destinations.writeTo(out);
            groups.writeTo(out);
            properties.writeTo(out);
            return whole.toByteArray();
        }
    }
}

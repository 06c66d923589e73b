import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.text.SimpleDateFormat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Date;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TimeZone;
import java.util.TreeMap;
import java.util.zip.CRC32;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.Schema;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.data.SchemaBuilder;
import org.apache.kafka.connect.data.Struct;
import org.apache.kafka.connect.data.Timestamp;
import org.apache.kafka.connect.header.ConnectHeaders;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/**
 * The JVM side of tests/bench/classes.py. Reads commands from standard input, a line each, parts
 * split by tabs: "case NAME KIND CLASS DATASET ROWS [k=v ...]" answers a digest of the results,
 * "run NAME SECONDS" answers records a second. The records are those of class_data.py.
 */
public final class ClassBench {
    private static final String TOPIC = "orders";
    private static final long START_MS = 1_700_000_000_000L;
    private static final String[] CITIES = {"Bergen", "Cork", "Graz", "Lyon", "Turku"};
    private static final Schema ROW = SchemaBuilder.struct().name("order").version(1)
        .field("id", Schema.INT64_SCHEMA).field("customer", Schema.STRING_SCHEMA)
        .field("city", Schema.STRING_SCHEMA).field("amount", Schema.FLOAT64_SCHEMA)
        .field("count", Schema.INT32_SCHEMA).field("active", Schema.BOOLEAN_SCHEMA)
        .field("at", Schema.INT64_SCHEMA).field("note", Schema.OPTIONAL_STRING_SCHEMA).build();
    private static final Schema GEO = SchemaBuilder.struct()
        .field("lat", Schema.FLOAT64_SCHEMA).field("lon", Schema.FLOAT64_SCHEMA).build();
    private static final Schema ADDRESS = SchemaBuilder.struct()
        .field("street", Schema.STRING_SCHEMA).field("city", Schema.STRING_SCHEMA)
        .field("geo", GEO).build();
    private static final Schema NESTED = SchemaBuilder.struct()
        .field("id", Schema.INT64_SCHEMA).field("address", ADDRESS)
        .field("note", Schema.STRING_SCHEMA).build();
    private static final Schema MOMENTS = SchemaBuilder.struct()
        .field("id", Schema.INT64_SCHEMA).field("ms", Schema.INT64_SCHEMA)
        .field("text", Schema.STRING_SCHEMA).field("moment", Timestamp.SCHEMA).build();

    /** What one round does with every record. */
    private interface Work {
        Object one(int i);
    }

    private static final Map<String, Work> works = new HashMap<>();
    private static final Map<String, Integer> sizes = new HashMap<>();
    private static final JsonConverter shown = json(true);
    /** Keeps results alive, so that no loop is optimised away. */
    private static Object[] results;

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(
            new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            String[] parts = line.split("\t");
            try {
                if (parts[0].equals("case")) {
                    System.out.println("digest " + prepare(parts));
                } else {
                    System.out.println("rate " + run(parts[1], Double.parseDouble(parts[2])));
                }
            } catch (Exception problem) {
                System.out.println("error " + problem.toString().replace('\n', ' '));
            }
            System.out.flush();
        }
    }

    private static double run(String name, double seconds) {
        Work work = works.get(name);
        int size = sizes.get(name);
        results = new Object[size];
        long began = System.nanoTime();
        long end = began + (long) (seconds * 1e9);
        long done = 0;
        while (System.nanoTime() < end) {
            for (int i = 0; i < size; i++) {
                results[i] = work.one(i);
            }
            done += size;
        }
        return done / ((System.nanoTime() - began) / 1e9);
    }

    private static String prepare(String[] parts) throws Exception {
        String kind = parts[2];
        int size = Integer.parseInt(parts[5]);
        Map<String, String> config = new HashMap<>();
        for (String pair : Arrays.asList(parts).subList(6, parts.length)) {
            int at = pair.indexOf('=');
            config.put(pair.substring(0, at), pair.substring(at + 1));
        }
        List<SinkRecord> records = records(parts[4], size);
        Work work = work(kind, parts[3], config, records);
        works.put(parts[1], work);
        sizes.put(parts[1], size);
        CRC32 digest = new CRC32();
        for (int i = 0; i < size; i++) {
            digest.update(text(kind, work.one(i)));
            digest.update('\n');
        }
        return Long.toHexString(digest.getValue());
    }

    @SuppressWarnings("unchecked")
    private static Work work(
        String kind, String name, Map<String, String> config, List<SinkRecord> records)
        throws Exception {
        SinkRecord[] all = records.toArray(new SinkRecord[0]);
        if (kind.equals("transform")) {
            Transformation<SinkRecord> made = (Transformation<SinkRecord>)
                Class.forName(name).getDeclaredConstructor().newInstance();
            made.configure(config);
            return i -> made.apply(all[i]);
        }
        if (kind.equals("predicate")) {
            Predicate<SinkRecord> made = (Predicate<SinkRecord>)
                Class.forName(name).getDeclaredConstructor().newInstance();
            made.configure(config);
            return i -> made.test(all[i]);
        }
        boolean schemas = config.get("schemas.enable").equals("true");
        JsonConverter made = json(schemas);
        if (kind.equals("write")) {
            return i -> made.fromConnectData(TOPIC, all[i].valueSchema(), all[i].value());
        }
        JsonConverter writer = json(schemas);
        byte[][] data = new byte[all.length][];
        for (int i = 0; i < all.length; i++) {
            data[i] = writer.fromConnectData(TOPIC, all[i].valueSchema(), all[i].value());
        }
        return i -> made.toConnectData(TOPIC, data[i]);
    }

    private static JsonConverter json(boolean schemas) {
        JsonConverter made = new JsonConverter();
        made.configure(Map.of("schemas.enable", Boolean.toString(schemas)), false);
        return made;
    }

    private static byte[] text(String kind, Object result) {
        if (result == null) {
            return "-".getBytes(StandardCharsets.UTF_8);
        }
        if (kind.equals("write")) {
            return (byte[]) result;
        }
        if (kind.equals("read")) {
            SchemaAndValue read = (SchemaAndValue) result;
            return side(read.schema(), read.value()).getBytes(StandardCharsets.UTF_8);
        }
        if (kind.equals("predicate")) {
            return result.toString().getBytes(StandardCharsets.UTF_8);
        }
        SinkRecord record = (SinkRecord) result;
        StringBuilder all = new StringBuilder(record.topic()).append('|')
            .append(side(record.keySchema(), record.key())).append('|')
            .append(side(record.valueSchema(), record.value())).append('|')
            .append(record.timestamp());
        for (Header header : record.headers()) {
            all.append('|').append(header.key()).append('=')
                .append(side(header.schema(), header.value()));
        }
        return all.toString().getBytes(StandardCharsets.UTF_8);
    }

    private static String side(Schema schema, Object value) {
        Object ordered = schema == null ? ordered(value) : value;
        byte[] text = shown.fromConnectData(TOPIC, schema, ordered);
        return text == null ? "null" : new String(text, StandardCharsets.UTF_8);
    }

    private static Object ordered(Object value) {
        if (!(value instanceof Map)) {
            return value;
        }
        Map<String, Object> result = new TreeMap<>();
        ((Map<?, ?>) value).forEach((name, one) -> result.put((String) name, ordered(one)));
        return result;
    }

    private static List<SinkRecord> records(String dataset, int size) {
        SimpleDateFormat format = new SimpleDateFormat("yyyy-MM-dd HH:mm:ss");
        format.setTimeZone(TimeZone.getTimeZone("UTC"));
        List<SinkRecord> records = new ArrayList<>();
        for (int n = 0; n < size; n++) {
            long at = START_MS + n * 60_000L;
            ConnectHeaders headers = new ConnectHeaders();
            if (dataset.equals("headers")) {
                headers.addString("trace", "trace-" + n).addString("origin", "bench")
                    .addInt("attempt", n % 3);
            }
            Schema schema = schema(dataset);
            Object value = value(dataset, n, at, format);
            records.add(new SinkRecord(TOPIC, 0, Schema.STRING_SCHEMA, "key-" + n,
                value == null ? null : schema, value, n, at, TimestampType.CREATE_TIME, headers));
        }
        return Collections.unmodifiableList(records);
    }

    private static Schema schema(String dataset) {
        switch (dataset) {
            case "map": case "nested-map": case "moments-map": case "text-map": return null;
            case "nested": return NESTED;
            case "moments": return MOMENTS;
            case "text": return Schema.STRING_SCHEMA;
            default: return ROW;
        }
    }

    private static Object value(String dataset, int n, long at, SimpleDateFormat format) {
        if (dataset.startsWith("text")) {
            return String.format("%010d the quick brown fox jumps over the lazy dog", n);
        }
        if (dataset.equals("tombstones") && n % 10 == 0) {
            return null;
        }
        Map<String, Object> map = new LinkedHashMap<>();
        Schema schema;
        map.put("id", (long) n);
        if (dataset.startsWith("nested")) {
            Map<String, Object> geo = new LinkedHashMap<>();
            geo.put("lat", n * 0.25);
            geo.put("lon", n * 0.5);
            Map<String, Object> address = new LinkedHashMap<>();
            address.put("street", "street " + n % 100);
            address.put("city", CITIES[n % 5]);
            address.put("geo", dataset.equals("nested") ? struct(GEO, geo) : geo);
            map.put("address", dataset.equals("nested") ? struct(ADDRESS, address) : address);
            map.put("note", "note " + n);
            schema = NESTED;
        } else if (dataset.startsWith("moments")) {
            map.put("ms", at);
            map.put("text", format.format(new Date(at)));
            if (dataset.equals("moments")) {
                map.put("moment", new Date(at));
            }
            schema = MOMENTS;
        } else {
            map.put("customer", "customer " + n % 1000);
            map.put("city", CITIES[n % 5]);
            map.put("amount", n * 0.25);
            map.put("count", dataset.equals("map") ? (Object) (long) (n % 100) : n % 100);
            map.put("active", n % 3 == 0);
            map.put("at", at);
            map.put("note", n % 4 == 0 ? null : "note " + n);
            schema = ROW;
        }
        return schema(dataset) == null ? map : struct(schema, map);
    }

    private static Struct struct(Schema schema, Map<String, Object> values) {
        Struct result = new Struct(schema);
        values.forEach(result::put);
        return result;
    }
}

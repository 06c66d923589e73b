package io.penstock.jvm;

import java.util.ArrayList;
import java.util.List;
import org.apache.kafka.connect.connector.ConnectRecord;
import org.apache.kafka.connect.transforms.Transformation;
import org.apache.kafka.connect.transforms.predicates.Predicate;

/** Java transforms that run before records leave Java, or after they came. */
public final class Chain {
  private record Link(Transformation<?> transform, Predicate<?> predicate, boolean negate) {}

  private final List<Link> links = new ArrayList<>();

  public void add(Transformation<?> transform, Predicate<?> predicate, boolean negate) {
    links.add(new Link(transform, predicate, negate));
  }

  public boolean isEmpty() {
    return links.isEmpty();
  }

  @SuppressWarnings("unchecked")
  <R extends ConnectRecord<R>> R apply(R record) {
    for (Link link : links) {
      if (link.predicate != null
          && ((Predicate<R>) link.predicate).test(record) == link.negate) {
        continue;
      }
      record = ((Transformation<R>) link.transform).apply(record);
      if (record == null) {
        return null;
      }
    }
    return record;
  }

  public void close() {
    for (Link link : links) {
      link.transform.close();
      if (link.predicate != null) {
        link.predicate.close();
      }
    }
  }
}

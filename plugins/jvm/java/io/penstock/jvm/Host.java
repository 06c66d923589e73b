package io.penstock.jvm;

/** What Java asks of Python. Python makes the calls arrive on the thread that may ask the runtime. */
public interface Host {
  /** Stored offsets for a JSON list of source partitions, as a JSON list of objects and nulls. */
  String offsets(String partitions);

  void requestTaskReconfiguration();

  void raiseError(String text);

  /** A sink's wish, as {@code SinkTaskContext} names it, with partitions and offsets as JSON. */
  void sink(String wish, String json);

  /** Report a record that a sink task was given; a text is why the task has to fail. */
  String report(String topic, int partition, long offset, String error);

  /** A call that {@code SinkRunner.begin} began has ended. */
  void done();
}

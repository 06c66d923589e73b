package io.penstock.jvm;

import java.io.PrintWriter;
import java.io.StringWriter;
import org.apache.kafka.common.config.ConfigException;
import org.apache.kafka.connect.errors.DataException;
import org.apache.kafka.connect.errors.RetriableException;

/** What Python is told of a Java failure. */
public final class Failures {
  private Failures() {}

  /** One letter: R retriable, C configuration, D data, anything else E. */
  public static String kind(Throwable error) {
    if (error instanceof RetriableException
        || error instanceof org.apache.kafka.common.errors.RetriableException) {
      return "R";
    }
    if (error instanceof ConfigException) {
      return "C";
    }
    return error instanceof DataException ? "D" : "E";
  }

  /** The trace, which names classes, messages and causes. */
  public static String text(Throwable error) {
    StringWriter written = new StringWriter();
    error.printStackTrace(new PrintWriter(written));
    return written.toString().strip();
  }
}

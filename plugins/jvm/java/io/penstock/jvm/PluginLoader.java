package io.penstock.jvm;

import java.io.IOException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Enumeration;
import java.util.List;
import java.util.regex.Pattern;

/**
 * Loads the classes of one plugin from its own jars first, and Kafka's API from the parent, so that
 * plugins with other versions of a library stand side by side.
 */
public final class PluginLoader extends URLClassLoader {
  static {
    registerAsParallelCapable();
  }

  private static final Pattern SHARED =
      Pattern.compile("(java|jdk|sun|com\\.sun|org\\.slf4j|io\\.penstock\\.jvm)\\..*"
          + "|org\\.apache\\.kafka\\.(?!connect\\.(transforms|json|file|mirror|tools|converters"
          + "|integration)\\.).*");

  private final ClassLoader parent;

  public PluginLoader(URL[] jars, ClassLoader parent) {
    super(jars, parent);
    this.parent = parent;
  }

  @Override
  protected Class<?> loadClass(String name, boolean resolve) throws ClassNotFoundException {
    synchronized (getClassLoadingLock(name)) {
      Class<?> found = findLoadedClass(name);
      if (found == null && !SHARED.matcher(name).matches()) {
        try {
          found = findClass(name);
        } catch (ClassNotFoundException isTheParents) {
          found = null;
        }
      }
      if (found == null) {
        found = super.loadClass(name, false);
      }
      if (resolve) {
        resolveClass(found);
      }
      return found;
    }
  }

  @Override
  public URL getResource(String name) {
    URL own = findResource(name);
    return own == null ? parent.getResource(name) : own;
  }

  @Override
  public Enumeration<URL> getResources(String name) throws IOException {
    List<URL> all = new ArrayList<>(Collections.list(findResources(name)));
    all.addAll(Collections.list(parent.getResources(name)));
    return Collections.enumeration(all);
  }
}

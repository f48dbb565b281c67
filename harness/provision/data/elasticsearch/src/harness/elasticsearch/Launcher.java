package harness.elasticsearch;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.logging.log4j.LogManager;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.BuiltInPlugins;

/**
 * One real Elasticsearch node in this JVM: {@code Launcher ES_HOME [setting=value ...]}.
 *
 * <p>ES_HOME holds {@code config/elasticsearch.yml} and {@code config/log4j2.properties}. The node closes in good order on
 * SIGTERM and, with {@code -Dharness.stopOnStdinEof=true}, when its parent closes standard input. Exit status: 0 when the
 * parent left, 143 after SIGTERM, 1 when the node does not start or a thread of it ends by an error, 2 for a bad command
 * line. Whatever fails is told on standard error and ends the process at once.
 */
public final class Launcher {
  private static final int CLOSE_TIMEOUT_S = 20;

  public static void main(String[] arguments) {
    Thread.setDefaultUncaughtExceptionHandler((thread, error) -> {
      if (error instanceof Error) {
        fail(error);
      }
      error.printStackTrace();
    });
    try {
      run(arguments);
    } catch (Throwable error) {
      fail(error);
    }
  }

  /** A node that is half made has threads that nobody ends, and may wait for itself when it is closed: no hook runs. */
  private static void fail(Throwable error) {
    error.printStackTrace();
    Runtime.getRuntime().halt(1);
  }

  private static void run(String[] arguments) throws Exception {
    if (arguments.length == 0) {
      System.err.println("usage: Launcher ES_HOME [setting=value ...]");
      System.exit(2);
    }
    var closed = new CountDownLatch(1);
    Node node = create(Path.of(arguments[0]).toAbsolutePath(), overrides(arguments));
    Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node, closed), "close-node"));
    node.start();
    if (Boolean.getBoolean("harness.stopOnStdinEof")) {
      followParent();
    }
    closed.await();
  }

  private static Map<String, String> overrides(String[] arguments) {
    var settings = new LinkedHashMap<String, String>();
    for (String argument : List.of(arguments).subList(1, arguments.length)) {
      int equals = argument.indexOf('=');
      if (equals <= 0) {
        throw new IllegalArgumentException("not of the form setting=value: " + argument);
      }
      settings.put(argument.substring(0, equals), argument.substring(equals + 1));
    }
    return settings;
  }

  private static Node create(Path home, Map<String, String> overrides) throws Exception {
    Settings base = Settings.builder().put("path.home", home.toString()).build();
    Environment environment =
        InternalSettingsPreparer.prepareEnvironment(base, overrides, home.resolve("config"), () -> "node-1");
    LogConfigurator.setNodeName(Node.NODE_NAME_SETTING.get(environment.settings()));
    LogConfigurator.registerErrorListener();
    LogConfigurator.configure(environment, true);
    Files.createDirectories(environment.logsFile());
    Files.createDirectories(environment.tmpFile());
    return new EmbeddedNode(environment);
  }

  private static void close(Node node, CountDownLatch closed) {
    try {
      node.close();
      if (!node.awaitClose(CLOSE_TIMEOUT_S, TimeUnit.SECONDS)) {
        System.err.println("the node did not close in " + CLOSE_TIMEOUT_S + " s");
      }
    } catch (IOException error) {
      error.printStackTrace();
    } catch (InterruptedException error) {
      Thread.currentThread().interrupt();
    } finally {
      LogManager.shutdown();
      closed.countDown();
    }
  }

  private static void followParent() {
    var watch = new Thread(() -> {
      try {
        System.in.transferTo(java.io.OutputStream.nullOutputStream());
      } catch (IOException error) {
        // An unreadable standard input means the same as a closed one: nobody is left to serve.
      }
      System.exit(0);
    }, "follow-parent");
    watch.setDaemon(true);
    watch.start();
  }

  private static final class EmbeddedNode extends Node {
    EmbeddedNode(Environment environment) {
      super(environment, settings -> new BuiltInPlugins(settings, List.of(new Transport())), true);
    }
  }

  private Launcher() {}
}

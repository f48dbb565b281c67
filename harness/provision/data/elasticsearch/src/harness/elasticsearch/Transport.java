package harness.elasticsearch;

import java.util.ArrayList;
import java.util.List;
import org.elasticsearch.common.settings.Setting;
import org.elasticsearch.common.settings.Setting.Property;
import org.elasticsearch.transport.netty4.Netty4Plugin;

/**
 * The real Netty transport, and settings that only the full distribution knows.
 *
 * <p>They are accepted without effect, so that the file that configures production starts here as it is.
 */
public final class Transport extends Netty4Plugin {
  private static final List<String> SWITCHES = List.of(
      "xpack.security.enabled",
      "xpack.security.enrollment.enabled",
      "xpack.security.autoconfiguration.enabled",
      "xpack.security.http.ssl.enabled",
      "xpack.security.transport.ssl.enabled",
      "xpack.ml.enabled",
      "xpack.watcher.enabled",
      "xpack.profiling.enabled",
      "ingest.geoip.downloader.enabled");
  private static final List<String> INDEX_TEXTS = List.of("index.lifecycle.name", "index.lifecycle.rollover_alias");

  @Override
  public List<Setting<?>> getSettings() {
    var all = new ArrayList<>(super.getSettings());
    SWITCHES.forEach(key -> all.add(Setting.boolSetting(key, false, Property.NodeScope)));
    INDEX_TEXTS.forEach(key -> all.add(Setting.simpleString(key, Property.IndexScope, Property.Dynamic)));
    return all;
  }
}

package org.elasticsearch.plugins;

import java.util.List;
import org.elasticsearch.common.settings.Settings;

/**
 * Plugins that are already on the class path, instead of folders full of jars.
 *
 * <p>It lives in this package because the record that describes a loaded plugin is private to it.
 * Nothing is read from disk, and the class-data archive covers plugin classes too.
 */
public final class BuiltInPlugins extends PluginsService {
  private final List<LoadedPlugin> plugins;

  public BuiltInPlugins(Settings settings, List<Plugin> instances) {
    super(settings, null, null, null);
    plugins = instances.stream().map(BuiltInPlugins::describe).toList();
  }

  @Override
  protected List<LoadedPlugin> plugins() {
    return plugins;
  }

  private static LoadedPlugin describe(Plugin plugin) {
    String name = plugin.getClass().getName();
    var version = org.elasticsearch.Version.CURRENT;
    var descriptor = new PluginDescriptor(
        name, "built in", version.toString(), version, "17", name, null, List.of(), false, false, false, false);
    return new LoadedPlugin(descriptor, plugin);
  }
}

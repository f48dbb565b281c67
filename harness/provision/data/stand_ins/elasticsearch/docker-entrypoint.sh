#!/bin/sh
# Every variable whose name holds a dot is a setting, as the official image takes them. The core has no modules of
# the vendor, so settings of theirs (such as xpack.security.enabled: false) say nothing here.
set -eu
home=/usr/share/elasticsearch
settings="$home/config/elasticsearch.yml"
printf 'cluster.routing.allocation.disk.threshold_enabled: "false"\n' >"$settings"
tr '\0' '\n' <"/proc/$$/environ" | while IFS='=' read -r name value; do
  case "$name" in
    xpack.* | ingest.*) ;;
    *[!a-z0-9._]*) ;;
    *.*) printf '%s: "%s"\n' "$name" "$value" >>"$settings" ;;
  esac
done
case "$(cat "$settings")" in # as the official image: whoever says nothing is answered on every interface of the container
  *network.host*) ;;
  *) printf 'network.host: 0.0.0.0\n' >>"$settings" ;;
esac
archive="$home/classes.jsa" # of loaded classes, where this machine has one
[ -f "$archive" ] || archive=""
# shellcheck disable=SC2086 (several options in one variable, as everywhere with Java)
exec "$home/jdk/bin/java" -XX:+UseSerialGC -XX:TieredStopAtLevel=1 -XX:-UsePerfData -XX:+ExitOnOutOfMemoryError \
  -Xss1m -Xlog:disable -Xlog:all=error:stderr -Djava.awt.headless=true -Dfile.encoding=UTF-8 \
  -Dlog4j.shutdownHookEnabled=false -Dlog4j2.disable.jmx=true -Dio.netty.noUnsafe=true \
  -Dio.netty.noKeySetOptimization=true -Dio.netty.recycler.maxCapacityPerThread=0 \
  "-Djava.io.tmpdir=$home/tmp" ${archive:+"-XX:SharedArchiveFile=$archive"} ${ES_JAVA_OPTS:--Xms512m -Xmx512m} \
  -cp "$(cat "$home/class-path")" harness.elasticsearch.Launcher "$home"

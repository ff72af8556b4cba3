#!/bin/sh
# Starts the broker of the image that build.sh makes. Properties come from the environment as in the official image:
# KAFKA_LOG_DIRS is log.dirs. The shell is busybox.
set -euf
dir=/tmp/kafka
mkdir -p "$dir"
env | while IFS='=' read -r name value; do
  case "$name" in
    KAFKA_*) echo "$(echo "${name#KAFKA_}" | tr 'A-Z_' 'a-z.')=$value" ;;
  esac
done >"$dir/server.properties"
echo "log.dirs=$dir/data" >>"$dir/server.properties"
java="/jre/bin/java -Dlog4j2.configurationFile=/log4j2.properties -cp /libs/*"
$java kafka.tools.StorageTool format -t 4L6g3nShT-eMCtK--X86sw -c "$dir/server.properties"
exec $java -Xmx400m kafka.Kafka "$dir/server.properties"

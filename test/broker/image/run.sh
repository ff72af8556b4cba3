#!/bin/sh
# Starts the broker of the image that build.sh makes. Properties come from the environment as in the official image:
# KAFKA_LOG_DIRS is log.dirs; CLUSTER_ID is the cluster's. A directory that is formatted already, in a volume, is used as
# it is. The shell is busybox.
set -euf
dir=/tmp/kafka
mkdir -p "$dir"
export KAFKA_LOG_DIRS="${KAFKA_LOG_DIRS:-$dir/data}"
env | while IFS='=' read -r name value; do
  case "$name" in
    KAFKA_*) echo "$(echo "${name#KAFKA_}" | tr 'A-Z_' 'a-z.')=$value" ;;
  esac
done >"$dir/server.properties"
java="/jre/bin/java -Dlog4j2.configurationFile=/log4j2.properties -cp /libs/*"
id="${CLUSTER_ID:-4L6g3nShT-eMCtK--X86sw}"
$java kafka.tools.StorageTool format --ignore-formatted -t "$id" -c "$dir/server.properties"
exec $java -Xmx400m kafka.Kafka "$dir/server.properties"

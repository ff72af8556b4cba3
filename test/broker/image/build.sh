#!/usr/bin/env bash
# Builds windrow-test-kafka:local from what is on this machine, where no registry can be reached: a JDK (jlink), the jars
# that test/broker/jars.ts keeps in its cache, Debian's busybox-static and netcat-openbsd (for a healthcheck as in the
# official image: `nc -z`). Then KAFKA_IMAGE=windrow-test-kafka:local.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
libs="${1:-$(ls -d "${XDG_CACHE_HOME:-$HOME/.cache}"/windrow-test-kafka/[0-9]* | tail -1)}"
context="$(mktemp -d)"
trap 'rm -rf "$context"' EXIT

modules=java.base,java.logging,java.management,java.naming,java.security.jgss,java.security.sasl,java.sql,java.xml
modules+=,java.desktop,java.net.http,jdk.unsupported,jdk.management,jdk.crypto.ec
jlink --add-modules "$modules" --strip-debug --no-man-pages --no-header-files --output "$context/jre"
cp -r "$libs" "$context/libs"
cp "$here/run.sh" "$context/run.sh"
printf '%s\n' rootLogger.level=info rootLogger.appenderRef.out.ref=out appender.out.type=Console \
  appender.out.name=out appender.out.layout.type=PatternLayout "appender.out.layout.pattern=%d %p %m%n" \
  >"$context/log4j2.properties"

mkdir -p "$context/root/bin" "$context/root/tmp"
cp "$(command -v busybox)" "$context/root/bin/busybox"
for tool in sh env mkdir tr echo; do ln -s busybox "$context/root/bin/$tool"; done
cp "$(command -v nc.openbsd)" "$context/root/bin/nc"
# Shared libraries of the runtime, at the paths where its loader looks for them.
find "$context/jre" "$context/root/bin/nc" -type f \( -name java -o -name nc -o -name '*.so' \) -exec ldd {} + 2>/dev/null | grep -o '/[^ )]*' |
  grep -v "^$context" | sort -u | while read -r library; do
  [ -f "$library" ] && install -D "$(readlink -f "$library")" "$context/root$library"
done

cat >"$context/Dockerfile" <<'DOCKERFILE'
FROM scratch
COPY root/ /
COPY jre/ /jre/
COPY libs/ /libs/
COPY run.sh log4j2.properties /
EXPOSE 9092
CMD ["/bin/sh", "/run.sh"]
DOCKERFILE
docker build -q -t windrow-test-kafka:local "$context"

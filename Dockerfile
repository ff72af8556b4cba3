# Windrow as an image: the command `windrow`, without build step, since Node runs the TypeScript as it is. It must never
# hold a configuration, a log or a secret: those are mounted.
#
#   docker build -t windrow .
#   docker run --rm --init -v "$PWD/config:/config:ro" -v windrow:/var/lib/windrow windrow \
#     run --config /config --log /var/lib/windrow/log
#
# `--init` (`init: true` in a compose file), since somebody must reap the workers of windrow/local; SIGTERM reaches Windrow
# through it. Give it time to end (`--stop-timeout`): calls return, a snapshot is written, shards are given up.
# How it is, `windrow status` says of the log's directory: a healthcheck is for whoever says where that is.
# BASE may be any image with Node 24, npm, /bin/sh and a user `node`.
ARG BASE=node:24.21.0-bookworm-slim

FROM ${BASE} AS packages
WORKDIR /opt/windrow
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund

FROM ${BASE}
WORKDIR /opt/windrow
COPY --from=packages /opt/windrow/node_modules node_modules/
COPY package.json LICENSE ./
COPY events events/
COPY machines machines/
COPY src src/
# What is written lies in these: a log or what is beside one on Kafka, and the site's shared files. A new volume there
# belongs to the user that the image runs as.
RUN ln -s /opt/windrow/src/main.ts /usr/local/bin/windrow \
  && mkdir -p /var/lib/windrow /site \
  && chown node:node /var/lib/windrow /site
USER node
STOPSIGNAL SIGTERM
ENTRYPOINT ["windrow"]
CMD ["--help"]

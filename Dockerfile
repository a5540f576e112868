# The server (default), the worker and the migration in one image:
#   docker build --tag todos:0.1.0 --build-arg COMMIT=$(git rev-parse HEAD) .
#   docker run … todos:0.1.0
#   docker run … todos:0.1.0 node dist/worker/main.js
#   docker run … todos:0.1.0 node dist/scripts/migrate.js
# Node 22, for which both HTTP engines have binaries: the version that package.json pins for npm's scripts.
# That one is an optional dependency, and is left out of the image. testing/containers/image.test.ts runs these
# steps, but for those of the stages `init` and `bench`, and starts what comes of them.

FROM node:22.23.2-bookworm-slim AS base
WORKDIR /app

FROM base AS build
COPY package.json package-lock.json ./
# With optional packages: buf's binary, which builds the descriptors of proto/, is one.
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY proto ./proto
COPY lib ./lib
COPY server ./server
COPY worker ./worker
COPY scripts ./scripts
COPY web ./web
RUN npm run build

FROM base AS dependencies
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund
# uWebSockets.js brings 130 MB of binaries, for every platform and Node: this one's stays.
RUN find node_modules/uWebSockets.js/dist/bin -name '*.node' \
  ! -name "uws_$(node -p 'process.platform + "_" + process.arch + "_" + process.versions.modules').node" \
  -delete
# bcrypt too: that of this platform stays.
RUN find node_modules/bcrypt/prebuilds -name '*.node' \
  ! -path "*/$(node -p 'process.platform + "-" + process.arch')/bcrypt.glibc.node" \
  -delete

# The benchmark, for a cluster: docker build --target bench --tag todos-bench:0.1.0 .
FROM build AS bench
COPY bench ./bench
USER 1000:1000
ENTRYPOINT ["node", "--import", "tsx", "bench/run.ts"]

FROM base AS init
RUN apt-get update && apt-get install --yes --no-install-recommends tini

FROM base
ENV NODE_ENV=production
# The version is package.json's: lib/runtime/version.test.ts holds them together.
ARG COMMIT
LABEL org.opencontainers.image.title="Million RPS Todo API"
LABEL org.opencontainers.image.version="0.1.0"
LABEL org.opencontainers.image.revision="$COMMIT"
LABEL org.opencontainers.image.licenses="MIT"
# No clone is here: lib/runtime/version.ts reads it.
RUN echo "$COMMIT" > commit
# PID 1: it passes signals on, and buries what is orphaned.
COPY --from=init /usr/bin/tini-static /usr/local/bin/tini
COPY package.json ./
COPY --from=dependencies /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY --from=build /app/proto/todos.binpb ./dist/proto/todos.binpb
COPY sql ./dist/sql
COPY --from=build /app/web/dist ./web/dist
USER 1000:1000
EXPOSE 8080 9090 9464 9465
ENTRYPOINT ["tini", "--"]
CMD ["node", "dist/server/main.js"]

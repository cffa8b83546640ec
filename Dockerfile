# One target a service and job; k8s/images/build fills the context and calls this. No syntax that
# only BuildKit knows: Debian's Docker has the classic builder.
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE} AS deps
# By this label the stages are found that earlier builds left behind.
LABEL jobhopper.stage="deps"
COPY deps /deps
# The environment has no pip of its own: nothing installs anything in a running pod.
RUN python3 -m venv --without-pip /venv

FROM deps AS deps-api
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /deps -r /deps/api.txt \
 && python3 /deps/lean.py /venv
FROM deps AS deps-consumer
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /deps -r /deps/consumer.txt \
 && python3 /deps/lean.py /venv
FROM deps AS deps-refiller
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /deps -r /deps/refiller.txt \
 && python3 /deps/lean.py /venv
FROM deps AS deps-migrator
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /deps -r /deps/migrator.txt \
 && python3 /deps/lean.py /venv
FROM deps AS deps-pruner
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /deps -r /deps/pruner.txt \
 && python3 /deps/lean.py /venv
FROM deps AS deps-client
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /deps -r /deps/client.txt \
 && python3 /deps/lean.py /venv

# Our own code is a layer of its own: where nothing else has changed, a new release is all but there.
FROM deps-api AS build-api
LABEL jobhopper.stage="build"
COPY wheels /wheels
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --no-deps --root /own --find-links /wheels -r /wheels/api-own.txt
FROM deps-consumer AS build-consumer
LABEL jobhopper.stage="build"
COPY wheels /wheels
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --no-deps --root /own --find-links /wheels -r /wheels/consumer-own.txt
FROM deps-refiller AS build-refiller
LABEL jobhopper.stage="build"
COPY wheels /wheels
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --no-deps --root /own --find-links /wheels -r /wheels/refiller-own.txt
FROM deps-migrator AS build-migrator
LABEL jobhopper.stage="build"
COPY wheels /wheels
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --no-deps --root /own --find-links /wheels -r /wheels/migrator-own.txt
FROM deps-pruner AS build-pruner
LABEL jobhopper.stage="build"
COPY wheels /wheels
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --no-deps --root /own --find-links /wheels -r /wheels/pruner-own.txt
FROM deps-client AS build-client
LABEL jobhopper.stage="build"
COPY wheels /wheels
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --no-deps --root /own --find-links /wheels -r /wheels/client-own.txt

FROM ${PYTHON_IMAGE} AS base
# `k8s/images/build` adds the version and the revision.
LABEL org.opencontainers.image.title="Jobhopper" \
      org.opencontainers.image.description="A job queue that programs of any language use over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0"
# The root is read-only where it runs: no byte code is written, and logs leave at once.
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /

FROM base AS api
COPY --from=deps-api /venv /venv
COPY --from=build-api /own/venv /venv
EXPOSE 8080 9464
ENTRYPOINT ["/venv/bin/jobhopper-api"]

FROM base AS consumer
COPY --from=deps-consumer /venv /venv
COPY --from=build-consumer /own/venv /venv
EXPOSE 9464
ENTRYPOINT ["/venv/bin/jobhopper-consumer"]

FROM base AS refiller
COPY --from=deps-refiller /venv /venv
COPY --from=build-refiller /own/venv /venv
EXPOSE 9464
ENTRYPOINT ["/venv/bin/jobhopper-refiller"]

FROM base AS migrator
COPY --from=deps-migrator /venv /venv
COPY --from=build-migrator /own/venv /venv
ENTRYPOINT ["/venv/bin/jobhopper-migrate"]

FROM base AS pruner
COPY --from=deps-pruner /venv /venv
COPY --from=build-pruner /own/venv /venv
ENTRYPOINT ["/venv/bin/jobhopper-pruner"]

FROM base AS client
COPY --from=deps-client /venv /venv
COPY --from=build-client /own/venv /venv
ENTRYPOINT ["/venv/bin/jobhopper"]

# One target a service and job; k8s/images/build fills the context and calls this. No syntax that
# only BuildKit knows: Debian's Docker has the classic builder.
ARG PYTHON_IMAGE=python:3.13-slim
FROM ${PYTHON_IMAGE} AS build
# By this label the stages are found that an ended build left behind.
LABEL jobhopper.stage="build"
COPY wheels lean.py /wheels/
# The environment has no pip of its own: nothing installs anything in a running pod.
RUN python3 -m venv --without-pip /venv

FROM build AS build-api
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /wheels jobhopper-api \
 && python3 /wheels/lean.py /venv
FROM build AS build-consumer
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /wheels jobhopper-consumer \
 && python3 /wheels/lean.py /venv
FROM build AS build-refiller
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /wheels jobhopper-refiller \
 && python3 /wheels/lean.py /venv
FROM build AS build-migrator
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /wheels "jobhopper-migrator[mysql]" \
 && python3 /wheels/lean.py /venv
FROM build AS build-pruner
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /wheels jobhopper-pruner \
 && python3 /wheels/lean.py /venv
FROM build AS build-client
RUN python3 -m pip --python /venv/bin/python install --no-cache-dir --no-index --find-links /wheels jobhopper \
 && python3 /wheels/lean.py /venv

FROM ${PYTHON_IMAGE} AS base
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Jobhopper" \
      org.opencontainers.image.description="A job queue that programs of any language use over HTTP" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
# The root is read-only where it runs: no byte code is written, and logs leave at once.
ENV PATH=/venv/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 10001:10001
WORKDIR /

FROM base AS api
COPY --from=build-api /venv /venv
EXPOSE 8080 9464
ENTRYPOINT ["/venv/bin/jobhopper-api"]

FROM base AS consumer
COPY --from=build-consumer /venv /venv
EXPOSE 9464
ENTRYPOINT ["/venv/bin/jobhopper-consumer"]

FROM base AS refiller
COPY --from=build-refiller /venv /venv
EXPOSE 9464
ENTRYPOINT ["/venv/bin/jobhopper-refiller"]

FROM base AS migrator
COPY --from=build-migrator /venv /venv
ENTRYPOINT ["/venv/bin/jobhopper-migrate"]

FROM base AS pruner
COPY --from=build-pruner /venv /venv
ENTRYPOINT ["/venv/bin/jobhopper-pruner"]

FROM base AS client
COPY --from=build-client /venv /venv
ENTRYPOINT ["/venv/bin/jobhopper"]

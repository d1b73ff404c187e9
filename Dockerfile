FROM python:3.13.14-slim AS base

FROM base AS build
RUN pip install --no-cache-dir uv==0.13.9
ENV UV_PYTHON_DOWNLOADS=never \
    UV_PROJECT_ENVIRONMENT=/opt/dms-events \
    UV_COMPILE_BYTECODE=1 \
    UV_NO_CACHE=1
WORKDIR /src
COPY pyproject.toml uv.lock hatch_build.py README.md LICENSE NOTICE ./
RUN uv sync --locked --no-default-groups --no-install-project \
    --extra nats --extra elasticsearch --extra cli
COPY dms_events dms_events
COPY adapters adapters
RUN uv sync --locked --no-default-groups --no-editable \
    --extra nats --extra elasticsearch --extra cli

FROM base
COPY --from=build /opt/dms-events /opt/dms-events
ENV PATH=/opt/dms-events/bin:$PATH \
    PYTHONUNBUFFERED=1
USER 10001:10001
ENTRYPOINT ["dms-events"]

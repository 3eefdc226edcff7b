# One peer. The data directory, with the key in it, is the volume /data.
#
#   docker build -t peerd .
#   docker run --rm -v hospital:/data peerd init /data
#   docker run -d --init -v hospital:/data -p 4001:4001 peerd
#
# torch from the default registry carries CUDA. For a small image, give pip an index with torch's
# CPU builds: --build-arg PIP_ARGS="--extra-index-url …"
#
# A group that trains on a table needs --build-arg EXTRAS=table, on the digits EXTRAS=lab, either of
# the two EXTRAS=lab,table; the other tasks that ship need none.

FROM python:3.11-slim AS build
ARG PIP_ARGS=""
ARG EXTRAS=""
# fastecdsa, which libp2p needs, is compiled against GMP where it has no wheel
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev libgmp-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
RUN python -m venv /opt/peerd
COPY pyproject.toml constraints.txt README.md LICENSE ./
# the dependencies first, so that a change of the code does not fetch torch again
RUN mkdir peerd protocols && touch peerd/__init__.py protocols/__init__.py \
    && /opt/peerd/bin/pip install --no-cache-dir ${PIP_ARGS} --constraint constraints.txt \
        ".${EXTRAS:+[$EXTRAS]}"
COPY peerd peerd
COPY protocols protocols
RUN /opt/peerd/bin/pip install --no-cache-dir --no-deps --force-reinstall .

FROM python:3.11-slim
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgmp10 \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --uid 10001 --create-home --shell /usr/sbin/nologin peerd \
    && install -d -o peerd -g peerd -m 0700 /data
COPY --from=build /opt/peerd /opt/peerd
COPY scripts/compose-group.sh /usr/local/bin/compose-group
ENV PATH=/opt/peerd/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
USER peerd
WORKDIR /data
VOLUME /data
EXPOSE 4001
# the status socket answers only the daemon's own user, inside the container
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["peerd", "status", "--config", "/data/peerd.toml", "--json"]
ENTRYPOINT ["peerd"]
CMD ["run", "--config", "/data/peerd.toml"]

# One peer. The data directory, with the key in it, is the volume /data.
#
#   docker build -t peerd .
#   docker run --rm -v hospital:/data peerd init /data --name "St. Mary's" \
#       --listen /ip4/203.0.113.10/tcp/4001 --data /rows.csv
#   docker run -it --rm --init --network host -v hospital:/data -v ./rows.csv:/rows.csv:ro \
#       -v ./genesis.json:/genesis.json:ro peerd up /genesis.json
#   docker run -d --init --network host -v hospital:/data -v ./rows.csv:/rows.csv:ro peerd
#
# torch from the default registry carries CUDA. For a small image, give pip an index with torch's
# CPU builds: --build-arg PIP_ARGS="--extra-index-url …"
#
# It has what the tasks that ship need. A node with a task of its own needs less: --build-arg EXTRAS=

FROM python:3.11-slim AS build
ARG PIP_ARGS=""
ARG EXTRAS="lab,table"
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
    PYTHONDONTWRITEBYTECODE=1 \
    PEERD_CONFIG=/data/peerd.toml
USER peerd
WORKDIR /data
VOLUME /data
EXPOSE 4001
# the status socket answers only the daemon's own user, inside the container
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["peerd", "status", "--config", "/data/peerd.toml", "--json"]
ENTRYPOINT ["peerd"]
# waits for the other members' signatures where they are missing
CMD ["up", "--config", "/data/peerd.toml"]

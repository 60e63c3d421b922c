# The service as an image: no compiler, no pip, no shell user; only /data is written.
# The requirements are those of the checkout, pinned with hashes; nothing else is fetched.

FROM python:3.11-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /build
COPY requirements-postgres.txt requirements-build.txt ./
RUN python -m venv /opt/build \
 && /opt/build/bin/pip install --require-hashes --no-deps -r requirements-build.txt \
 && python -m venv /opt/twitch-cds \
 && /opt/twitch-cds/bin/pip install --require-hashes --no-deps -r requirements-postgres.txt
COPY pyproject.toml README.md LICENSE NOTICE ./
COPY cds_service cds_service
COPY cards cards
COPY terminology terminology
COPY fixtures/patients fixtures/patients
RUN /opt/build/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /build/wheel . \
 && /opt/twitch-cds/bin/pip install --no-index --no-deps /build/wheel/*.whl \
 && /opt/twitch-cds/bin/pip uninstall --yes pip setuptools

FROM python:3.11-slim
LABEL org.opencontainers.image.title="twitch-cds" \
      org.opencontainers.image.description="CDS Hooks service for involuntary muscle twitching. Not a medical device." \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="0.1.0"
RUN groupadd --gid 10001 cds \
 && useradd --uid 10001 --gid cds --no-create-home --home-dir /data --shell /usr/sbin/nologin cds \
 && install --directory --owner=cds --group=cds --mode=0700 /data
COPY --from=build /opt/twitch-cds /opt/twitch-cds
COPY LICENSE NOTICE /usr/share/doc/twitch-cds/
ENV PATH=/opt/twitch-cds/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TWITCH_CDS_STORE_URL=sqlite:////data/feedback.sqlite3
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import urllib.request as u; u.build_opener(u.ProxyHandler({})).open('http://127.0.0.1:8000/readyz', timeout=4)"]
ENTRYPOINT ["twitch-cds"]
CMD ["serve", "--config", "/etc/twitch-cds/site.toml"]

# One image for all parts: `prepare` once, then web, worker and beat (see compose.yaml).
FROM python:3.11-slim-bookworm AS packages
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt constraints.txt /tmp/
RUN python -m venv /opt/purser && /opt/purser/bin/pip install --requirement /tmp/requirements.txt

FROM python:3.11-slim-bookworm
ENV PATH=/opt/purser/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PURSER_HOME=/var/lib/purser \
    HOST=0.0.0.0
RUN useradd --system --uid 10001 --home-dir /var/lib/purser --create-home purser
COPY --from=packages /opt/purser /opt/purser
WORKDIR /srv/purser
COPY . .
# Secrets, static files and archives: a volume that all parts share.
VOLUME /var/lib/purser
USER 10001
EXPOSE 8000
CMD ["python", "-m", "portal.run", "web"]

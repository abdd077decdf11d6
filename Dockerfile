# One image for web, worker, beat and preparation; compose.yaml shows the commands.
FROM python:3.13-slim AS build
WORKDIR /app
COPY requirements.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --require-hashes --requirement requirements.txt
COPY . .
# Names are hashed and files compressed here, so the running image needs no write access.
RUN SECRET_KEY=build MASTER_KEYS=build:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= \
    DATABASE_URL=postgres://build@127.0.0.1:1/build REDIS_URL=redis://127.0.0.1:1/0 \
    /venv/bin/python manage.py collectstatic --no-input \
    && /venv/bin/python -m compileall -q cms_project core tenants plugin_host plugins

FROM python:3.13-slim
RUN useradd --system --uid 10001 --home-dir /app --shell /usr/sbin/nologin tenantry
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=cms_project.settings
WORKDIR /app
COPY --from=build /venv /venv
COPY --from=build /app /app
# What was found out about plugins is kept there, and nothing that a restart may not lose.
RUN mkdir -p var && chown -R tenantry var
USER tenantry
EXPOSE 8000
CMD ["granian", "cms_project.wsgi:application", "--interface", "wsgi", "--no-ws", "--host", "0.0.0.0", "--port", "8000", \
     "--workers", "2", "--blocking-threads", "8", "--workers-kill-timeout", "10"]

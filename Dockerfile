# The site as an image: `docker build -t timetracker .`; docs/operations.md says how to run it.
# tests/image.py takes these steps where there is no engine: it knows the instructions used here.

FROM python:3.11-slim-bookworm AS build
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 ENV_FILE=""
WORKDIR /app
COPY requirements/production.txt requirements/production.txt
RUN python3 -m venv /venv && /venv/bin/python -m pip install --quiet --require-hashes -r requirements/production.txt
COPY . .
# The key signs nothing: it lives as long as this line.
RUN SECRET_KEY="$(python3 -c 'import secrets; print(secrets.token_hex(32))')" /venv/bin/python manage.py collectstatic --noinput --verbosity 0
RUN /venv/bin/python -m compileall -q accounts analytics timetracker tracking

FROM python:3.11-slim-bookworm
COPY --from=build /venv /venv
COPY --from=build /app /app
WORKDIR /app
ENV PATH="/venv/bin:$PATH" PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
# Nothing is read from a file: variables come from the engine. /data is all that is written but /tmp.
ENV ENV_FILE="" DATABASE_URL="sqlite:////data/timetracker.sqlite3" DEPLOYMENT_METHOD="docker"
RUN mkdir /data && chown 10001:10001 /data
VOLUME /data
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python", "-c", "from http.client import HTTPConnection as C; c = C('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); exit(c.getresponse().status != 200)"]
CMD ["gunicorn", "--config", "timetracker/gunicorn.py", "--bind", "0.0.0.0:8000", "timetracker.wsgi"]

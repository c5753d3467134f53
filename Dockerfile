# One image per service: docker build --build-arg SERVICE=gateway .
# The stages up to `dependencies` are the same for all of them, and so are their layers.

FROM python:3.13-slim AS dependencies
WORKDIR /build
COPY requirements/services.txt .
RUN python -m venv --without-pip /venv \
 && pip --python /venv/bin/python install --no-cache-dir --disable-pip-version-check --require-hashes -r services.txt

FROM python:3.13-slim AS package
WORKDIR /build
COPY requirements/build.txt .
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --require-hashes -r build.txt
COPY . .
ARG SERVICE
RUN pip install --no-cache-dir --disable-pip-version-check --root-user-action=ignore --no-deps --no-build-isolation --target /app \
      $(python requirements/own_packages.py "$SERVICE") \
 && printf 'from %s.__main__ import run\n\nrun()\n' "$(echo "$SERVICE" | tr - _)" > /app/__main__.py \
 && rm -rf /app/bin

FROM python:3.13-slim
RUN useradd --no-create-home --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin asyncnotify \
 && install -d -o asyncnotify -g asyncnotify /data
COPY --from=dependencies /venv /venv
COPY --from=package /app /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 LOG_FORMAT=json
USER asyncnotify
WORKDIR /data
STOPSIGNAL SIGTERM
CMD ["python", "/app"]

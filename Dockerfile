FROM python:3.11-slim-bookworm

RUN useradd --create-home --uid 1000 dashboard && mkdir /data && chown dashboard /data
WORKDIR /srv
COPY requirements.lock pyproject.toml README.md LICENSE ./
RUN pip install --no-cache-dir --no-deps --require-hashes -r requirements.lock
COPY assets assets
COPY components components
COPY dashboard dashboard
COPY docs docs
COPY integral_dashboard integral_dashboard
RUN pip install --no-cache-dir --no-deps .

USER dashboard
ENV INTEGRAL_DASHBOARD_DATA=/data PYTHONUNBUFFERED=1
VOLUME /data
EXPOSE 5006
CMD ["integral-dashboard", "serve", "--address", "0.0.0.0", "--port", "5006"]

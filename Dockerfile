# Built and tried without an engine by deploy/build; docs/deploying.md says how it is run.
ARG BASE=docker.io/library/python:3.11-slim-bookworm

FROM ${BASE} AS build
RUN python3 -m venv /opt/integral-dashboard
ENV PATH=/opt/integral-dashboard/bin:$PATH PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
WORKDIR /src
COPY requirements.lock ./
RUN pip install --no-deps --require-hashes -r requirements.lock
COPY . ./
RUN pip install --no-deps . && pip uninstall --yes pip setuptools
# A sixth of it all is tests and maps of sources that nobody reads; numpy's and astropy's own tests are imported.
RUN cd /opt/integral-dashboard/lib/python3*/site-packages && find . -name '*.map' -delete && rm -rf pandas/tests panel/tests matplotlib/tests && \
    find scipy astropy/*/ astroquery -type d -name tests -not -path 'astropy/tests*' -prune -exec rm -rf '{}' +

FROM ${BASE}
RUN useradd --no-create-home --uid 1000 dashboard && install --directory --owner=dashboard --mode=0700 /data
COPY --from=build /opt/integral-dashboard /opt/integral-dashboard
# The root file system may be read-only: what is kept goes to /data, what is computed anew (caches of matplotlib, numba, astropy) to /tmp.
ENV PATH=/opt/integral-dashboard/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 HOME=/tmp INTEGRAL_DASHBOARD_DATA=/data
USER dashboard
WORKDIR /tmp
VOLUME /data
EXPOSE 5006
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=3 \
    CMD ["python3", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:5006/health', timeout=5)"]
CMD ["integral-dashboard", "serve", "--address", "0.0.0.0", "--port", "5006"]

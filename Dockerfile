# A server with the model inside the package. Build: docker build -t peephole . · Run: docker run --read-only -p 8000:8000 peephole
FROM python:3.12-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY . .
# There is no git in here: docker build --build-arg VERSION=0.2.0 …; without it the version is that of no release.
ARG VERSION
RUN if [ -n "$VERSION" ]; then export SETUPTOOLS_SCM_PRETEND_VERSION_FOR_PEEPHOLE="${VERSION#v}"; fi; \
    python -m venv /opt/peephole && /opt/peephole/bin/pip install --no-cache-dir -c constraints.txt ".[serve]"

FROM python:3.12-slim
COPY --from=build /opt/peephole /opt/peephole
ENV PATH=/opt/peephole/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PEEPHOLE_HOST=0.0.0.0 PEEPHOLE_PORT=8000
USER 65532:65532
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ['PEEPHOLE_PORT'] + '/health', timeout=2)"]
ENTRYPOINT ["peephole", "serve"]

# captiond: one image for all services. The command selects the service.

FROM python:3.13-slim AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
# The compiler builds the scan decoder; without it the slower, interpreted one would run. The official image contains the headers
# of its Python. An image with Debian's Python does not.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends gcc libc6-dev \
 && { test -f "$(python -c 'import sysconfig; print(sysconfig.get_path("include"))')/Python.h" \
   || apt-get install --yes --no-install-recommends libpython3-dev; } \
 && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/captiond
ENV PATH=/opt/captiond/bin:$PATH
WORKDIR /build
COPY requirements.txt .
RUN --mount=type=cache,target=/root/.cache/pip \
    pip install --require-hashes -r requirements.txt
COPY pyproject.toml setup.py README.md LICENSE ./
COPY src src
# Remove the build dependencies. `pip check` fails if another package depends on one of them.
RUN CFLAGS="-O2 -g0" pip install --no-deps --no-build-isolation --no-cache-dir . \
 && python -c "from captiond.imaging.jpeg.native import is_native; raise SystemExit(not is_native())" \
 && pip uninstall --yes cython setuptools \
 && pip check \
 && pip uninstall --yes pip

FROM python:3.13-slim
LABEL org.opencontainers.image.title="captiond" \
      org.opencontainers.image.description="Writes a text into a black strip below a JPEG and archives it" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13-slim"
# Liberation Sans has the metrics of Arial. Liberation and DejaVu have Cyrillic, Noto Color Emoji has the emoji.
RUN apt-get update \
 && apt-get install --yes --no-install-recommends fonts-liberation fonts-dejavu-core fonts-noto-color-emoji \
 && rm -rf /var/lib/apt/lists/*
# A new named volume takes the owner of the folder that it is mounted on.
RUN groupadd --gid 10001 captiond \
 && useradd --uid 10001 --gid captiond --no-create-home --home-dir /var/lib/captiond captiond \
 && install --directory --owner captiond --group captiond \
    /var/lib/captiond /var/lib/captiond/images /var/log/captiond /var/cache/captiond
COPY --from=build /opt/captiond /opt/captiond
ENV PATH=/opt/captiond/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    CAPTIOND_IMAGES_DIR=/var/lib/captiond/images \
    CAPTIOND_THUMBNAILS_DIR=/var/cache/captiond \
    CAPTIOND_LOG_DIR=/var/log/captiond \
    CAPTIOND_RUN_DIR=/tmp/captiond
USER captiond
WORKDIR /var/lib/captiond
EXPOSE 8000 2121
ENTRYPOINT ["captiond"]
CMD ["api", "--host", "0.0.0.0", "--port", "8000"]

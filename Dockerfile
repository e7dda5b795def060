# One image for the API, the workers and the migration.
FROM python:3.11-slim

# Index of wheels for torch: for its CPU build, or for another CUDA (see README).
ARG TORCH_INDEX=""

RUN useradd --create-home --uid 10001 autosample \
    && install --directory --owner autosample /data
WORKDIR /srv/autosample
COPY pyproject.toml constraints.txt README.md ./
COPY autosample autosample
COPY api api
COPY workers workers
COPY migrations migrations
RUN pip install --no-cache-dir --constraint constraints.txt \
        ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} '.[service]'

USER autosample
ENV AUTOSAMPLE_HOME=/data
EXPOSE 8000
CMD ["autosample", "serve", "--host", "0.0.0.0", "--port", "8000"]

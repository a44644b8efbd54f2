# The page, `gfla-demo`, on port 7860: docker build -t gfla . && docker run --rm -p 7860:7860 gfla
# The same image uses a GPU: docker run --gpus all ... Without one, it is some gigabytes smaller when it is built with
# --build-arg PIP_EXTRA_INDEX_URL=(PyTorch's index of CPU wheels) --build-arg TORCH=torch==2.13.0+cpu
FROM python:3.12-slim
ARG TORCH=torch==2.13.0
ARG PIP_EXTRA_INDEX_URL
ENV PYTHONUNBUFFERED=1 PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN useradd --create-home --uid 1000 gfla
WORKDIR /opt/gfla
COPY constraints.txt pyproject.toml README.md LICENSE ./
COPY animate animate
COPY models models
COPY train train
COPY demos demos
RUN pip install "$TORCH" && pip install --constraint constraints.txt ".[app,export,heic]"
USER gfla
WORKDIR /home/gfla
EXPOSE 7860
HEALTHCHECK --start-period=60s --interval=30s --timeout=5s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:7860/', timeout=4)"]
ENTRYPOINT ["gfla-demo"]
CMD ["--host", "0.0.0.0"]

# One image for the site and the workers; compose.yaml says which is which.
FROM python:3.11-slim

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1
WORKDIR /app

COPY requirements.txt .
RUN pip install --disable-pip-version-check -r requirements.txt

COPY manage.py ./
COPY bidiq bidiq
COPY searches searches
COPY exports exports
COPY templates templates

# var/ holds what the process makes itself (SQLite and the key, where no other is given).
RUN useradd --system --uid 10001 bidiq && mkdir var && chown bidiq var
USER bidiq
VOLUME /app/var
EXPOSE 8000

# Any answer means alive: ALLOWED_HOSTS need not name this address.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s \
  CMD ["python", "-c", "import http.client as h; c = h.HTTPConnection('127.0.0.1', 8000, timeout=4); c.request('GET', '/healthz'); c.getresponse()"]

# A signal reaches Python itself: the site closes, a worker finishes or gives back.
STOPSIGNAL SIGTERM
CMD ["python", "manage.py", "serve", "--host", "0.0.0.0", "--port", "8000"]

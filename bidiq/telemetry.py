"""OpenTelemetry traces, only when OTEL_EXPORTER_OTLP_ENDPOINT is set."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings

_tracer: Any = None


def start() -> None:
    """Set up the exporter once for this process; without the variable do nothing at all."""
    global _tracer
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT or _tracer is not None:
        return
    # Imported here: a site without traces should not pay half a second of start-up for them.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    endpoint = f"{settings.OTEL_EXPORTER_OTLP_ENDPOINT.rstrip('/')}/v1/traces"
    provider = TracerProvider(resource=Resource.create({"service.name": "bidiq"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint)))
    _tracer = provider.get_tracer("bidiq")


@contextmanager
def span(name: str, **attributes: str | int) -> Iterator[None]:
    """Trace what the block does, as a child of the span around it; nothing without an exporter."""
    if _tracer is None:
        yield
        return
    with _tracer.start_as_current_span(name, attributes=attributes):
        yield

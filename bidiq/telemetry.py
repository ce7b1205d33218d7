"""OpenTelemetry traces, only when OTEL_EXPORTER_OTLP_ENDPOINT is set."""

from django.conf import settings


def start() -> None:
    """Set up the exporter once for this process; without the variable do nothing at all."""
    if not settings.OTEL_EXPORTER_OTLP_ENDPOINT:
        return
    # Imported here: a site without traces should not pay half a second of start-up for them.
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": "bidiq"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)

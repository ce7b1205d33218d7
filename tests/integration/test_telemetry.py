"""Traces reach a collector when one is named, and carry the search's id."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.conftest import record
from tests.integration.test_commands import manage
from tests.processes import simulator


def test_a_search_is_traced_by_its_steps(tmp_path: Path) -> None:
    bodies: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    collector = HTTPServer(("127.0.0.1", 0), Collector)
    thread = threading.Thread(target=collector.serve_forever)
    thread.start()
    try:
        with simulator([record(1)]) as (_, url):
            done = manage(
                "buscar", "--ufs", "SP", "--setor", "alimentos", "--de", "2026-08-01",
                "--ate", "2026-08-20", PNCP_BASE_URL=url,
                DATABASE_URL=f"sqlite:///{tmp_path / 'traced.sqlite3'}",
                OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{collector.server_port}",
                OTEL_EXPORTER_OTLP_COMPRESSION="none",
            )  # fmt: skip
    finally:
        collector.shutdown()
        thread.join()
        collector.server_close()
    assert done.returncode == 0, done.stderr
    spans: dict = {}
    for body in bodies:
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                spans |= {span.name: span for span in scope.spans}
    assert {"search", "fetch", "unit", "judge", "export"} <= spans.keys()
    assert spans["fetch"].parent_span_id == spans["search"].span_id
    assert "search_id" in {attribute.key for attribute in spans["search"].attributes}

import pytest
from prometheus_client import Counter
from service_kit.metrics import HttpMetrics, exposition, new_registry


def test_each_registry_has_its_own_numbers():
    one, other = new_registry(), new_registry()
    HttpMetrics(one, "kit").observe("GET", "/users/{user_id}", 200, 0.002)
    HttpMetrics(other, "kit")

    labels = {"service": "kit", "method": "GET", "route": "/users/{user_id}"}
    assert one.get_sample_value("http_requests_total", {**labels, "status": "200"}) == 1
    assert other.get_sample_value("http_requests_total", {**labels, "status": "200"}) is None


def test_durations_are_counted_per_route_whatever_the_status():
    registry = new_registry()
    metrics = HttpMetrics(registry, "kit")

    metrics.observe("GET", "/users", 200, 0.002)
    metrics.observe("GET", "/users", 500, 0.004)

    labels = {"service": "kit", "method": "GET", "route": "/users"}
    total = registry.get_sample_value("http_request_duration_seconds_sum", labels)
    assert registry.get_sample_value("http_request_duration_seconds_count", labels) == 2
    assert total == pytest.approx(0.006)


def test_the_exposition_is_text_with_what_anyone_registered():
    registry = new_registry()
    Counter("things", "Things done.", registry=registry).inc()

    body, content_type = exposition(registry, accept="")

    assert b"things_total 1.0" in body
    assert b"process_resident_memory_bytes" in body
    assert b"_created" not in body
    assert content_type.startswith("text/plain")


def test_open_metrics_are_given_to_those_who_ask():
    _, content_type = exposition(new_registry(), accept="application/openmetrics-text")

    assert content_type.startswith("application/openmetrics-text")

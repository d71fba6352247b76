"""Random requests over the whole OpenAPI document: whatever comes, the service never fails with a 5xx.

``PRICELM_FUZZ_REQUESTS=10000`` sends more of them.
"""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable

from tests.e2e.service_process import ServiceProcess

REQUESTS = int(os.environ.get("PRICELM_FUZZ_REQUESTS", "1000"))


def test_no_request_breaks_the_service(fast_bundle: Path, tmp_path: Path) -> None:
    statuses: Counter[int] = Counter()
    with ServiceProcess(fast_bundle, tmp_path) as service:
        schema = schemathesis.openapi.from_url(f"{service.address}/openapi.json")
        operations = [one.ok() for one in schema.get_all_operations()]
        assert len(operations) >= 20
        # an operation without input is asked once or twice; the others share the requests
        each = -(
            -REQUESTS // sum(any(True for _ in one.iter_parameters()) or bool(one.body) for one in operations)
        )
        for operation in operations:
            for mode in schemathesis.GenerationMode:

                @given(case=operation.as_strategy(generation_mode=mode))
                @settings(
                    max_examples=max(1, each // 2),
                    deadline=None,
                    database=None,
                    derandomize=True,
                    phases=[Phase.generate],
                    suppress_health_check=list(HealthCheck),
                )
                def send(case: schemathesis.Case) -> None:
                    response = case.call(base_url=service.address, timeout=30)
                    statuses[response.status_code] += 1
                    assert response.status_code < 500, (case.as_curl_command(), response.text)
                    if response.status_code >= 400:
                        assert response.headers["content-type"] == ["application/problem+json"]
                        assert response.json()["detail"]

                try:
                    send()
                except Unsatisfiable:  # without input nothing can be wrong with it
                    assert mode == schemathesis.GenerationMode.NEGATIVE, operation.label
        assert service.process.poll() is None
    assert sum(statuses.values()) >= 0.8 * REQUESTS, statuses
    assert statuses[200] > 0.1 * REQUESTS
    assert statuses[422] > 0.05 * REQUESTS, statuses

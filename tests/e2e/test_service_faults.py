"""What goes wrong in the life of a service, done to a real one."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from pricelm import PriceModel
from pricelm.services.bootstrap import open_registry
from tests.e2e.service_process import ROOT, Load, ServiceProcess, wait_until
from tests.generated_listings import ROLE_NAMES, listings_frame

LAMP = {"title": "red wooden lamp no 5"}


@pytest.fixture(scope="module")
def service(fast_bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """One worker with tight bounds."""
    bounds = {"body_seconds": 1, "body_bytes": 1 << 20, "queue_seconds": 0.05}
    with ServiceProcess(fast_bundle, tmp_path_factory.mktemp("service"), **bounds) as started:
        yield started


@pytest.fixture(scope="module")
def second_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another model."""
    model = PriceModel("fast", columns=dict(ROLE_NAMES)).fit(listings_frame(100, seed=4))
    return model.save(tmp_path_factory.mktemp("second") / "model")


def is_worker(process: psutil.Process) -> bool:
    try:
        return "spawn_main" in " ".join(process.cmdline())
    except psutil.Error:  # it has just ended
        return False


def connect(service: ServiceProcess) -> socket.socket:
    where = urlsplit(service.address)
    return socket.create_connection((where.hostname, where.port), timeout=30)


def answer_of(connection: socket.socket) -> bytes:
    """Read until the server closes the connection."""
    received = b""
    while True:
        try:
            part = connection.recv(65536)
        except ConnectionResetError:
            return received
        if not part:
            return received
        received += part


def test_a_full_queue_says_when_to_come_again(service: ServiceProcess) -> None:
    listings = [LAMP] * 300
    service.ask([LAMP])
    with ThreadPoolExecutor(24) as pool:
        answers = list(pool.map(lambda _: service.ask(listings), range(72)))
    counts = Counter(answer.status_code for answer in answers)
    assert set(counts) == {200, 503}, counts
    refused = next(answer for answer in answers if answer.status_code == 503)
    assert int(refused.headers["retry-after"]) >= 1
    assert refused.json()["type"] == "urn:pricelm:problem:overloaded"
    assert service.ask([LAMP]).is_success


def test_a_slow_client_is_let_go_and_holds_up_nobody(service: ServiceProcess) -> None:
    head = b"POST /v1/quotes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with connect(service) as slow, connect(service) as silent:
        slow.sendall(head + b"Content-Length: 100\r\n\r\n{")
        silent.sendall(b"POST /v1/quotes HTT")
        assert service.ask([LAMP]).is_success
        told = answer_of(slow)
    assert told.startswith(b"HTTP/1.1 408")
    assert b"urn:pricelm:problem:too-slow" in told


@pytest.mark.parametrize("announced", [True, False])
def test_a_huge_body_is_refused_before_it_is_read(service: ServiceProcess, announced: bool) -> None:
    before = psutil.Process(service.process.pid).memory_info().rss
    head = b"POST /v1/quotes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    with connect(service) as huge:
        if announced:
            huge.sendall(head + b"Content-Length: 1000000000000\r\n\r\n")
        else:
            huge.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
            try:
                for _ in range(400):
                    huge.sendall(chunk)
            except OSError:
                pass  # the service has closed the connection
        told = answer_of(huge)
    assert not announced or b"413" in told.splitlines()[0]
    assert psutil.Process(service.process.pid).memory_info().rss < before + (30 << 20)
    wait_until(lambda: service.metrics()['pricelm_refused_total{reason="body"}'] >= 1)


def test_who_hangs_up_is_noticed(service: ServiceProcess) -> None:
    body = json.dumps({"listings": [{"title": f"red lamp {n}"} for n in range(1000)]}).encode()
    head = b"POST /v1/quotes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    left = 'pricelm_requests_total{method="POST",route="/v1/quotes",status="499"}'

    def hang_up() -> bool:
        with connect(service) as gone:
            gone.sendall(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return service.metrics().get(left, 0) >= 1

    wait_until(hang_up)
    wait_until(lambda: service.ask([LAMP]).is_success)


def test_a_model_is_replaced_under_load_without_a_failed_request(
    fast_bundle: Path, second_bundle: Path, tmp_path: Path
) -> None:
    with ServiceProcess(fast_bundle, tmp_path, queue_seconds=30) as service:
        registry = open_registry(service.store)
        with Load(service) as load:
            wait_until(lambda: load.versions[1] > 20)
            second, _ = registry.register(second_bundle, "test")
            registry.promote(second.version, "test")
            wait_until(lambda: load.versions[2] > 20)
            registry.roll_back("test")
            first = load.versions[1]
            wait_until(lambda: load.versions[1] > first + 20)
        assert set(load.statuses) == {200}, load.statuses


def test_a_bundle_that_breaks_later_is_refused_and_the_old_one_stays(
    fast_bundle: Path, second_bundle: Path, tmp_path: Path
) -> None:
    shutil.copytree(second_bundle, tmp_path / "second")
    with ServiceProcess(fast_bundle, tmp_path) as service:
        second, _ = open_registry(service.store).register(tmp_path / "second", "test")
        (tmp_path / "second" / "blend.json").write_text("{}")
        response = httpx.post(f"{service.address}/v1/models/{second.version}/promote", timeout=30)
        assert response.status_code == 422
        assert response.json()["type"] == "urn:pricelm:problem:bundle-refused"
        assert service.ask([LAMP]).json()["quotes"][0]["model_version"] == 1


def test_a_killed_worker_is_replaced_while_the_other_answers(fast_bundle: Path, tmp_path: Path) -> None:
    with ServiceProcess(fast_bundle, tmp_path, workers=2, queue_seconds=30) as service:
        parent = psutil.Process(service.process.pid)

        def workers() -> set[int]:
            return {one.pid for one in parent.children() if is_worker(one)}

        wait_until(lambda: len(workers()) == 2)
        before = workers()
        victim = min(before)
        with Load(service, tries=40) as load:
            wait_until(lambda: load.statuses[200] > 20)
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda: len(workers() - {victim}) == 2)
            answered = load.statuses[200]
            wait_until(lambda: load.statuses[200] > answered + 50)
        assert set(load.statuses) == {200}, load.statuses
        assert len(workers() - before) == 1
        # counted by both workers, the dead one included
        total = 'pricelm_requests_total{method="POST",route="/v1/quotes",status="200"}'
        assert service.metrics()[total] >= load.statuses[200]


def test_workers_do_not_outlive_their_supervisor(fast_bundle: Path, tmp_path: Path) -> None:
    with ServiceProcess(fast_bundle, tmp_path, workers=2) as service:
        children = psutil.Process(service.process.pid).children()
        service.process.kill()
        service.process.wait(120)
        gone, alive = psutil.wait_procs(children, timeout=300)
    assert len(gone) >= 2
    assert alive == []


def test_a_full_disk_under_the_log_stops_no_price(fast_bundle: Path, tmp_path: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "pricelm", "serve", str(fast_bundle), "--port", str(port)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    with Path("/dev/full").open("wb", buffering=0) as full:
        process = subprocess.Popen(command, stderr=full, stdout=full, env=environment, cwd=tmp_path)
    address = f"http://127.0.0.1:{port}"
    try:

        def is_up() -> bool:
            try:
                return httpx.get(f"{address}/ready").is_success
            except httpx.TransportError:
                return False

        wait_until(is_up)
        for _ in range(5):
            assert httpx.post(f"{address}/v1/quotes", json={"listings": [LAMP]}).is_success
        lost = next(
            line
            for line in httpx.get(f"{address}/metrics").text.splitlines()
            if line.startswith("pricelm_lost_log_lines_total")
        )
        assert float(lost.split()[1]) >= 6
    finally:
        process.terminate()
        process.wait(120)


def test_it_stops_in_good_order(fast_bundle: Path, tmp_path: Path) -> None:
    listings = [{"title": f"red wooden lamp no {n}"} for n in range(1000)]
    with ServiceProcess(fast_bundle, tmp_path) as service:
        answers: list[httpx.Response] = []
        asking = threading.Thread(target=lambda: answers.append(service.ask(listings, 60)))
        asking.start()
        wait_until(
            lambda: service.metrics().get('pricelm_waiting_tokens{version="1"}', 0) > 0 or bool(answers)
        )
        service.process.send_signal(signal.SIGTERM)
        asking.join()
        assert service.process.wait(120) == 0
        assert answers[0].is_success
        assert service.lines()[-1]["event"] == "stopped"


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--host", "0.0.0.0"), 2, "pricelm keys add"),
        (("--host", "192.0.2.1", "--store", "sqlite:////nowhere/at/all.db"), 7, "make it first"),
        (("--port", "99999"), 2, "--port: expected a number less than or equal to 65535, got 99999"),
    ],
)
def test_it_refuses_to_start_and_says_why(
    fast_bundle: Path, tmp_path: Path, options: tuple[str, ...], code: int, words: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "pricelm", "serve", str(fast_bundle), *options],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
    )
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr

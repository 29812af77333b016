"""ringload's subscribers that leave and return: --churn, --burst and storms, against ringcast and
against a small server that does right or wrong as it is told."""

import http.server
import json
import socket
import subprocess
import threading
import time
import urllib.parse

import pytest

import servers
import wire

TARGET = """
name: stand-in
host: 127.0.0.1
port: {port}
subscribe: {{path: "/sub/{{topic}}", headers: {{Accept: text/event-stream}}}}
publish: {{method: POST, path: "/pub/{{topic}}", headers: {{}}, body: "{{payload}}"}}
{more}
"""
WRONG = ("lost", "duplicates", "out_of_order", "gaps")
FEW = ("--subscribers", 12, "--publishers", 3, "--topics", 2)


def ringload(command, *arguments, status=0, limit=90):
    """Runs ringload; its JSON, or what it complained of."""
    program = servers.binary().parent / "ringload"
    line = [program, command, "--json", "-", *arguments]
    done = subprocess.run(
        [str(part) for part in line], capture_output=True, text=True, timeout=limit, check=False
    )
    assert done.returncode == status, done.stdout + done.stderr
    return json.loads(done.stdout) if done.stdout else done.stderr


def is_clean(result):
    return all(result[each] == 0 for each in WRONG) and result["delivered"] > 0


@pytest.fixture
def url(server):
    return ("--url", server.url("").rstrip("/"))


# --- A server of our own -------------------------------------------------------------------------


class StandIn(http.server.ThreadingHTTPServer):
    """Keeps all events with ids, and replays what follows an id. `faults` say what goes wrong."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *faults):
        super().__init__(("127.0.0.1", 0), Handler)
        self.faults = faults
        self.news = threading.Condition()
        self.topics = {}
        self.streams = 0
        self.refused = 0
        self.asked = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def target(self, directory, more=""):
        path = directory / "target.yaml"
        path.write_text(TARGET.format(port=self.server_port, more=more))
        return path

    def handle_error(self, *_):
        pass  # clients that go

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_POST(self):
        data = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with self.server.news:
            self.server.topics.setdefault(self.path[5:], []).append(data)
            self.server.news.notify_all()
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        faults, last = self.server.faults, self.headers.get("Last-Event-ID")
        with self.server.news:
            events = self.server.topics.setdefault(urllib.parse.unquote(self.path[5:]), [])
            self.server.streams += 1
            self.server.asked.append(last)
            cut = "cut" in faults and last is None
            refuse = "refuse" in faults and last and self.server.refused < 10
            self.server.refused += bool(refuse)
            at = len(events) if last is None or "forget" in faults else int(last[1:]) + 1
            at = max(at - 1, 0) if last and "double" in faults else at
        if refuse:
            self.send_error(503, "not now")
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Connection", "close")
        self.end_headers()
        while True:
            with self.server.news:
                self.server.news.wait_for(lambda: len(events) > at, timeout=0.5)
                new = events[at:]
            for data in new:
                mark = "" if "no_ids" in faults else f"id: n{at}\n"
                if not ("drop" in faults and at % 10 == 7):
                    self.wfile.write(f"{mark}data: {data}\n\n".encode())
                at += 1
            self.wfile.flush()
            if cut and at > 10:
                self.close_connection = True
                return


# --- Bursts --------------------------------------------------------------------------------------


def test_bursts_keep_the_rate(url):
    result = ringload(
        "sse", *url, "--subscribers", 2, "--rate", 200, "--burst", 50, "--warmup", 0,
        "--time", 2, "--interval", 0.05, "--strict",
    )  # fmt: skip
    assert result["burst"] == 50 and is_clean(result), result
    assert 100 <= result["published"] <= 450, result
    busy = [each for each in result["intervals"] if each["published"] > 0]
    assert len(busy) <= 20 < len(result["intervals"]), result["intervals"]


def test_without_bursts_the_result_says_so(url):
    result = ringload("sse", *url, *FEW, "--rate", 100, "--warmup", 0, "--time", 0.3)
    assert result["burst"] == 1
    result = ringload("sse", *url, *FEW, "--window", 4, "--warmup", 0, "--time", 0.3)
    assert result["burst"] is None and "churn" not in result and "storms" not in result


@pytest.mark.parametrize("command", ["sse", "ws", "chunked"])
def test_bursts_need_a_rate(command):
    assert "--burst requires --rate" in ringload(command, "--burst", 5, status=2)


# --- Churn ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["sse", "ws", "chunked"])
@pytest.mark.parametrize("load", [("--rate", 300), ("--window", 8), ("--rate", 300, "--reset")])
def test_who_leaves_is_replaced_and_nothing_is_lost(url, command, load):
    result = ringload(
        command, *url, *FEW, *load, "--churn", 40, "--warmup", 0.5, "--time", 1.5, "--strict"
    )
    assert is_clean(result), result
    churn = result["churn"]
    assert churn["per_s"] == 40 and churn["failed"] == 0
    assert 30 <= churn["replaced"] <= 82, result
    assert 0 < churn["ready_us"]["p50"] <= churn["ready_us"]["p99"]
    assert result["errors"]["subscribers_lost"] == 0, result
    assert result["errors"]["subscribers_failed"] == 0, result


def test_churn_with_nothing_published(url):
    result = ringload("sse", *url, "--subscribers", 20, "--idle", "--churn", 50, "--time", 1)
    assert 30 <= result["churn"]["replaced"] <= 51 and result["subscribers"] == 20, result


def test_churn_faster_than_the_window(url):
    """What those who left would have got must not hold back what is to be published."""
    steady = ringload("sse", *url, "--subscribers", 4, "--window", 2, "--time", 1)
    churned = ringload(
        "sse", *url, "--subscribers", 4, "--window", 2, "--time", 1, "--churn", 200, "--strict"
    )
    assert is_clean(churned) and churned["churn"]["replaced"] > 100, churned
    assert churned["published"] > steady["published"] / 20, (churned, steady)


def test_everyone_leaves_in_turn(tmp_path):
    with StandIn() as server:
        ringload(
            "sse", "--target", server.target(tmp_path), "--subscribers", 5, "--rate", 20,
            "--churn", 10, "--warmup", 0, "--time", 1, "--strict",
        )  # fmt: skip
        assert 13 <= server.streams <= 15
        assert server.asked == [None] * server.streams


def test_loss_is_found_within_a_stream(tmp_path):
    with StandIn("drop") as server:
        result = ringload(
            "sse", "--target", server.target(tmp_path), "--subscribers", 4, "--rate", 200,
            "--churn", 4, "--time", 1, "--strict", status=3,
        )  # fmt: skip
    assert result["lost"] > 20 and result["churn"]["replaced"] > 0, result


def test_a_server_that_is_gone_fails_connects(start):
    server = start()
    timer = threading.Timer(1.5, server.child.kill)
    timer.start()
    result = ringload(
        "sse", "--url", server.url("").rstrip("/"), "--subscribers", 40, "--idle",
        "--churn", 100, "--time", 3,
    )  # fmt: skip
    timer.join()
    assert result["errors"]["subscribers_lost"] > 20, result
    assert any("connects of subscribers that returned failed" in w for w in result["warnings"])
    assert any("due to be replaced" in warning for warning in result["warnings"]), result
    assert result["churn"]["failed"] > 0


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        (("sse", "--churn", 0), "--churn"),
        (("sse", "--churn", "x"), "--churn"),
        (("sse", "--reset"), "--reset requires --churn"),
        (("ws", "--echo", 64, "--churn", 5), "excludes"),
        (("ws", "--control", "--churn", 5), "excludes"),
        (("mcp", "--churn", 5), "--churn"),
        (("storm", "--over", "chunked"), "--over"),
        (("storm", "--storms", 0), "--storms"),
        (("storm", "--every", 0), "--every"),
        (("storm", "--ramp", 0), "--ramp"),
        (("storm", "--window", 4), "--window"),
        (("storm", "--subscribers", 0), "--subscribers"),
    ],
)
def test_wrong_usage(arguments, complaint):
    assert complaint in ringload(*arguments, status=2)


# --- Storms --------------------------------------------------------------------------------------


def storm(*arguments, storms=2, every=1, status=0):
    return ringload(
        "storm", "--storms", storms, "--every", every, "--warmup", 0.5, *arguments, status=status
    )


@pytest.mark.parametrize("over", ["sse", "ws"])
@pytest.mark.parametrize("more", [(), ("--reset",), ("--burst", 5, "--size", 3000)])
def test_all_come_back_and_get_what_they_missed(server, url, over, more):
    result = storm(
        *url, "--over", over, "--subscribers", 200, "--publishers", 3, "--topics", 2,
        "--rate", 100, "--server-pid", server.child.pid, "--strict", *more,
    )  # fmt: skip
    assert is_clean(result) and result["subscribers"] == 200, result
    assert result["transport"] == over and result["kind"] == "fan_out" and result["rate"] == 100
    assert result["storm"]["resume"] is True and result["storm"]["missed"] == 0
    assert result["storm"]["reset"] is ("--reset" in more) and result["storm"]["away"] == 0
    assert len(result["storms"]) == 2
    for number, each in enumerate(result["storms"]):
        assert abs(each["at_s"] - number) < 0.3 and each["disconnected"] == 200, result
        times = [each[f"streaming_{share}_s"] for share in (50, 99, 100)] + [each["caught_up_s"]]
        assert times == sorted(times) and times[0] > 0, each
        assert each["connects"] == 200 and each["failed_connects"] == 0
        assert each["connects_per_s"] == pytest.approx(200 / times[2], rel=0.01)
        assert each["server_rss_peak_bytes"] > 1 << 20 and each["server_cpu_s"] >= 0
    # Every event to everybody of its topic, also those of the time away.
    assert result["delivered"] == pytest.approx(result["published"] * 100, rel=0.05), result


def test_what_was_published_while_they_were_away_is_replayed(url):
    result = storm(
        *url, "--subscribers", 20, "--ramp", 20, "--rate", 200, "--strict", storms=1, every=2
    )
    (only,) = result["storms"]
    assert 0.85 <= only["streaming_100_s"] <= 1.5 and 0.4 <= only["streaming_50_s"] <= 0.8, only
    assert 15 <= only["connects_per_s"] <= 25 and result["storm"]["ramp"] == 20
    assert result["latency_us"]["max"] > 700_000, "the last one has waited for its events"
    assert is_clean(result), result


@pytest.mark.parametrize("over", ["sse", "ws"])
def test_without_resuming_it_is_missed(url, over):
    result = storm(
        *url, "--over", over, "--subscribers", 20, "--ramp", 20, "--rate", 200, "--no-resume",
        "--strict", storms=1, every=2,
    )  # fmt: skip
    assert is_clean(result), result
    # They are away for 0.5 s on average.
    assert 1000 < result["storm"]["missed"] < 4000, result
    assert result["storm"]["resume"] is False and result["storms"][0]["caught_up_s"] > 0.85
    replayed_all = 20 * result["published"]
    assert result["delivered"] < replayed_all - result["storm"]["missed"] / 2, result


def test_a_server_of_another_kind(tmp_path):
    with StandIn() as server:
        result = storm("--target", server.target(tmp_path), *FEW, "--rate", 60, "--strict")
        again = [each for each in server.asked if each]
    assert is_clean(result) and result["storm"]["away"] == 0, result
    assert len(again) == 24 and all(each.startswith("n") for each in again)


@pytest.mark.parametrize("fault, figure", [("forget", "lost"), ("double", "duplicates")])
def test_wrong_replay_is_found(tmp_path, fault, figure):
    with StandIn(fault) as server:
        result = storm(
            "--target", server.target(tmp_path), "--subscribers", 10, "--rate", 100,
            "--ramp", 20, "--strict", status=3,
        )  # fmt: skip
    assert result[figure] > 10, result


def test_events_without_ids(tmp_path):
    with StandIn("no_ids") as server:
        few = ("--target", server.target(tmp_path), "--subscribers", 5, "--rate", 50)
        complaint = storm(*few, status=1)
        assert "The events of stand-in at 127.0.0.1" in complaint and "--no-resume" in complaint
        result = storm(*few, "--no-resume", "--strict")
    assert is_clean(result) and result["storm"]["away"] == 0, result


def test_connects_that_fail_are_tried_again(tmp_path):
    with StandIn("refuse") as server:
        result = storm(
            "--target", server.target(tmp_path), "--subscribers", 8, "--rate", 50, "--strict"
        )
    assert [each["failed_connects"] for each in result["storms"]] == [10, 0], result
    assert result["storm"]["failed_connects"] == 10 and is_clean(result)
    assert result["storms"][0]["streaming_100_s"] > 0.1
    assert any("503" in warning for warning in result["warnings"]), result


def test_who_is_cut_off_by_the_server_returns_too(tmp_path):
    with StandIn("cut") as server:
        result = storm(
            "--target", server.target(tmp_path), "--subscribers", 6, "--rate", 50, "--strict"
        )
    assert result["errors"]["subscribers_lost"] == 6 and result["storm"]["away"] == 0, result
    assert is_clean(result) and any("were cut off" in each for each in result["warnings"])


def test_a_websocket_target_that_cannot_resume(tmp_path):
    with StandIn() as server:
        file = server.target(tmp_path, 'ws: {path: "/elsewhere/{topic}"}')
        complaint = storm("--over", "ws", "--target", file, status=2)
        assert "does not say how to resume over WebSocket" in complaint, complaint
        with socket.create_server(("127.0.0.1", 0)) as silent:
            file.write_text(file.read_text().replace(str(server.server_port),
                                                     str(silent.getsockname()[1])))
        # With that it is not the command line any more that is wrong.
        assert "Cannot" in storm("--over", "ws", "--target", file, "--no-resume", status=1)


def test_the_text(url):
    program = servers.binary().parent / "ringload"
    line = [program, "storm", *url, "--subscribers", 10, "--storms", 2, "--every", 0.5]
    done = subprocess.run(
        [str(each) for each in line], capture_output=True, text=True, timeout=60, check=True
    )
    lines = done.stdout.splitlines()
    header = next(at for at, each in enumerate(lines) if each.startswith("  storms "))
    assert "caught up" in lines[header] and lines[header + 1].split()[:2] == ["1", "10"]
    assert lines[header + 2].split()[:2] == ["2", "10"]
    assert lines[header + 3].startswith("  returns      behind the last id, streaming after p50")


def test_a_result_can_be_read_again(url, tmp_path):
    files = [tmp_path / "storm.json", tmp_path / "churn.json"]
    files[0].write_text(json.dumps(storm(*url, "--subscribers", 10, "--rate", 50, every=0.5)))
    files[1].write_text(
        json.dumps(ringload("sse", *url, *FEW, "--rate", 50, "--churn", 5, "--time", 0.5))
    )
    program = servers.binary().parent / "ringload"
    named = [f"after {each.stem}={each}" for each in files]
    table = subprocess.run(
        [str(each) for each in (program, "report", *named)],
        capture_output=True, text=True, timeout=60, check=True,
    ).stdout  # fmt: skip
    assert "after storm" in table and "after churn" in table, table


def test_an_interrupted_storm_says_what_was_measured(url):
    program = servers.binary().parent / "ringload"
    line = [program, "storm", *url, "--subscribers", 5, "--every", 30, "--json", "-"]
    child = subprocess.Popen([str(each) for each in line], stdout=subprocess.PIPE, text=True)
    time.sleep(3)
    child.terminate()
    result = json.loads(child.communicate(timeout=60)[0])
    assert child.returncode == 0 and len(result["storms"]) == 1, result
    assert any("interrupted" in each for each in result["warnings"]) and is_clean(result)


def test_many_at_once(start):
    """More than the connects that are under way at a time, and than one source address has."""
    server = start()
    result = storm(
        "--url", server.url("").rstrip("/"), "--subscribers", 3000, "--rate", 10, "--strict",
        every=5,
    )  # fmt: skip
    assert is_clean(result) and result["storm"]["away"] == 0, result
    assert all(each["disconnected"] == 3000 for each in result["storms"]), result
    assert wire.request(server.port, "GET", "/ready").status == 200

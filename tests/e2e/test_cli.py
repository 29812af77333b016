"""The commands publish, subscribe and topics, against the real server, through pipes and cuts."""

import contextlib
import json
import re
import signal
import socket
import subprocess
import threading

import pytest

import servers
import wire
from commands import TIMEOUT_S, cli, environment, run, subscribed  # noqa: F401
from wire import publish, wait_for


def history(port, topic, whole=False):
    """Data of all events of a topic, or all of each, up to a last one that this publishes."""
    publish(port, topic, "the end of the history")
    with wire.subscribe(port, topic, from_="earliest") as stream:
        events = []
        while (event := stream.event()).data != "the end of the history":
            events.append(event)
    return events if whole else [event.data for event in events]


@contextlib.contextmanager
def scripted(*answers):
    """A server that gives each connection the next answer and closes it: (port, requests)."""
    requests = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve():
            for answer in answers:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    client.settimeout(TIMEOUT_S)
                    head = b""
                    while b"\r\n\r\n" not in head and (data := client.recv(65536)):
                        head += data
                    requests.append(head.decode())
                    client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], requests


# --- Help and usage ------------------------------------------------------------------------------

OPTIONS = {
    "publish": "--event --id --file --exact --quiet --url --header --token TOPIC DATA",
    "subscribe": "--types --from --last-event-id --count --json --raw --color --ws --compress "
    "--retry --silence --quiet --url --header --token TOPIC",
    "topics": "--json --url --header --token",
    "control": "--json --timeout --url --header --token SESSION ACTION MEMBER",
    "worker-demo": "--interval --steps --quiet --url --header --token SESSION",
    "admin": "--count --json --url --header --token ACTION ID",
    "features": "--json --url --header --token ACTION NAME",
}


@pytest.mark.parametrize("command", OPTIONS)
def test_help_explains_every_option_with_examples(command):
    text = cli(None, command, "--help").stdout
    options, footer = text.split("Examples", 1)
    for word in OPTIONS[command].split():
        assert re.search(rf"^  {re.escape(word)}\b.*", options, re.MULTILINE), f"{word} in {text}"
    listed = set(re.findall(r"^  (?:-\w,)?(--[a-z-]+)", options, re.MULTILINE)) - {"--help"}
    assert listed == {word for word in OPTIONS[command].split() if word.startswith("--")}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", footer)) <= listed, "of other commands"
    assert f"ringcast {command}" in footer


def test_help_names_all_commands():
    text = cli(None, "--help").stdout
    for command in ("serve", *OPTIONS):
        assert re.search(rf"^  {command} +[A-Z]", text, re.MULTILINE)


def test_version_is_that_of_the_project():
    project = (servers.ROOT / "CMakeLists.txt").read_text()
    version = re.search(r"project\(ringcast VERSION ([0-9.]+)", project)[1]
    assert cli(None, "--version").stdout == f"ringcast {version}\n"


@pytest.mark.parametrize(
    "words,says",
    [
        ("publsh a b", "Did you mean `publish`?"),
        ("sub a", "Did you mean `subscribe`?"),
        ("xyzzy", "There is no command `xyzzy`."),
        ("", "Usage:"),
        ("--verison", "Did you mean `--version`?"),
        ("publish a b --evnt c", "Did you mean `--event`?"),
        ("publish", "TOPIC is missing"),
        ("publish a", "DATA is missing"),
        ("publish a b c", "`c` is not expected"),
        ("publish a b --exact", "--exact is for lines"),
        ("publish a - --id x", "--id is for one event"),
        ("publish a --file x", "--file takes no TOPIC"),
        ("publish a b --header nonsense", "write 'Name: value'"),
        ("publish a b --header Content-Length:1", "set by the client itself"),
        ("subscribe", "TOPIC is required"),
        ("subscribe a --from middle", "earliest"),
        ("subscribe a --json --raw", "--raw"),
        ("subscribe a --count 0", "--count"),
        ("topics --url https://h", "TLS"),
        ("topics --url h:80", "http://HOST:PORT"),
        ("topics --url http://h:99999", "port"),
    ],
)
def test_wrong_usage(words, says):
    done = cli(None, *words.split(), check=2)
    assert says in done.stderr and done.stdout == ""


# --- What goes wrong -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", ["topics", "subscribe a", "publish a b", "publish a -", "publish a - --exact"]
)
def test_nobody_listens(words):
    port = servers.free_port()
    done = cli(port, *words.split(), input="line\n", check=1)
    assert f"Nobody listens on 127.0.0.1:{port} (connection refused)." in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("words", ["subscribe a/../b*\t", "publish a*b x", "publish a*b -"])
def test_the_servers_reason_is_told(server, words):
    done = cli(server.port, *words.split(" "), input="line\n", check=1)
    assert re.search(r"ringcast: .*[Tt]opic .* \(400 Bad Request\)", done.stderr), done.stderr


def test_unknown_host():
    done = cli(None, "topics", "--url", "http://no-such-host.invalid", check=1)
    assert "no-such-host.invalid" in done.stderr


@pytest.mark.parametrize(
    "answer,says",
    [
        (b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc", "answered 404 Not Found."),
        (b"HTTP/1.1 302 Found\r\nLocation: http://b/\x1b[1m\r\n\r\n", "HTTP/1.1"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://b/\r\n\r\n", "It points to http://b/"),
        (b"SSH-2.0-OpenSSH\r\n", "does not answer in HTTP/1.1."),
        (b"", "without a response"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", None),
    ],
)
@pytest.mark.parametrize("words", ["topics", "subscribe a", "publish a b"])
def test_strange_servers(answer, says, words):
    with scripted(answer) as (port, _):
        done = cli(port, *words.split(), check=1)
    assert (says or "ringcast: ") in done.stderr and "\x1b" not in done.stderr


# --- publish -------------------------------------------------------------------------------------


def test_publish_prints_the_id(server, topic):
    first = cli(server.port, "publish", topic, "hello ü\nworld", "--event", "greeting").stdout
    again = [cli(server.port, "publish", topic, "{}", "--id", "k/1 ü").stdout for _ in range(2)]
    assert again[0] == again[1] != first
    events = history(server.port, topic, whole=True)
    assert [(e.id, e.type, e.data) for e in events] == [
        (first.strip(), "greeting", "hello ü\nworld"),
        (again[0].strip(), None, "{}"),
    ]


def test_publish_names_and_data_that_need_care(server):
    topic = "café/a:b@c~d+e=f"
    cli(server.port, "publish", topic, "--", "- a list & more?")
    cli(server.port, "publish", topic, "")
    assert history(server.port, topic) == ["- a list & more?", ""]


def test_headers_and_token_are_sent(server, topic, tap):
    between = tap(server.port)
    words = ["publish", topic, "x", "--header", "X-A: b: c", "--header", "X-D:e"]
    cli(between.port, *words, RINGCAST_TOKEN="secret")
    head = bytes(between.sent[0]).decode()
    for line in ("X-A: b: c", "X-D: e", "Authorization: Bearer secret"):
        assert f"\r\n{line}\r\n" in head
    assert head.startswith(f"POST /api/events/{topic} HTTP/1.1\r\n")
    cli(None, *words, "--url", f"http://127.0.0.1:{between.port}/", "--token", "other")
    assert b"Bearer other" in bytes(between.sent[1])
    assert "secret" not in cli(None, "publish", "--help", RINGCAST_TOKEN="secret").stdout


@pytest.mark.parametrize("exact", [(), ("--exact",)], ids=["stream", "exact"])
def test_lines_are_published_as_they_come(server, topic, run, exact):
    with wire.subscribe(server.port, topic) as stream:
        command = run(server.port, "publish", topic, "-", "--event", "row", *exact)
        for text in ("one", "", "  ünï \t", "four"):
            command.send(text + "\r\n")
            event = stream.event()
            assert (event.type, event.data) == ("row", text)
        command.send("half")
        command.send(" a line\nlast, without an end")
        assert stream.event().data == "half a line"
        out, err = command.end()
        last = stream.event()
        assert last.data == "last, without an end" and out == [last.id]
    assert err == [f"ringcast: 6 events published to {topic}."]


@pytest.mark.parametrize("exact", [(), ("--exact",)], ids=["stream", "exact"])
def test_many_lines_through_a_pipe(server, topic, exact):
    lines = [f"{n} " + "x" * (n % 300) for n in range(5000)]
    done = cli(server.port, "publish", topic, "-", "--quiet", *exact, input="\n".join(lines))
    assert done.stderr == ""
    assert history(server.port, topic) == lines


@pytest.mark.parametrize("exact", [(), ("--exact",)], ids=["stream", "exact"])
def test_no_lines_at_all(server, topic, exact):
    done = cli(server.port, "publish", topic, "-", *exact)
    assert done.stdout == "" and f"0 events published to {topic}." in done.stderr


def test_exact_lines_survive_cuts(server, topic, run, tap):
    between = tap(server.port)
    command = run(between.port, "publish", topic, "-", "--exact")
    with wire.subscribe(server.port, topic) as stream:
        for number in range(60):
            command.send(f"{number}\n")
            if number % 15 == 6:
                while stream.event().data != str(number):
                    pass
            elif number % 15 == 7:
                between.cut()  # with that line on its way, or its answer
    _, err = command.end()
    assert between.accepted > 4
    assert history(server.port, topic) == [str(n) for n in range(60)]
    assert err[-1] == f"ringcast: 60 events published to {topic}."


def test_exact_lines_wait_for_the_server(start, topic, run):
    server = start()
    command = run(server.port, "publish", topic, "-", "--exact")
    command.send("before\n")
    wait_for(lambda: wire.request(server.port, "GET", "/api/topics").json()["topics"], "a line")
    server.stop()
    command.send("while it is away\n")
    command.wait_err("refused")
    server.start()
    command.wait_err("Connected again.")
    command.send("after\n")
    command.end()
    assert history(server.port, topic) == ["while it is away", "after"]


def test_a_stream_goes_on_after_a_restart(start, topic, run):
    server = start("drain: {timeout_ms: 300}\n")
    command = run(server.port, "publish", topic, "-")
    command.send("before\n")
    wait_for(lambda: wire.request(server.port, "GET", "/api/topics").json()["topics"], "a line")
    server.restart()
    for number in range(3):
        command.send(f"{number}\n")
    wait_for(lambda: wire.request(server.port, "GET", "/api/topics").json()["topics"], "more")
    _, err = command.end()
    assert history(server.port, topic) == ["0", "1", "2"]
    assert "3 events published" in err[-1] or "4 events published" in err[-1], err


def test_a_cut_stream_doubles_nothing_and_says_so(server, topic, run, tap):
    between = tap(server.port)
    command = run(between.port, "publish", topic, "-")
    with wire.subscribe(server.port, topic) as stream:
        command.send("0\n")
        assert stream.event().data == "0"
        between.cut()
        command.wait_err("closed the connection")
        command.send("1\n")
        assert stream.event().data == "1"
        _, err = command.end()
    assert "Connected again." in err[-2]
    assert "1 event published" in err[-1] and "1 sent whose fate is not known" in err[-1]


def test_lines_that_are_refused_end_it(start, run):
    server = start("limits: {max_event_bytes: 1k}\n")
    command = run(server.port, "publish", "t", "-")
    command.send("fine\n" + "x" * 1025 + "\n")
    assert command.child.wait(TIMEOUT_S) == 1, "without waiting for the end of the input"
    wait_for(lambda: any("413" in line for line in command.err), f"the status in {command.err}")
    done = cli(server.port, "publish", "t", "-", input=b"fine\n\xff\n", check=1)
    assert "(400 Bad Request)" in done.stderr
    assert history(server.port, "t") == ["fine", "fine"]


@pytest.mark.parametrize("exact", [(), ("--exact",)], ids=["stream", "exact"])
def test_ctrl_c_publishes_what_was_read(server, topic, run, exact):
    command = run(server.port, "publish", topic, "-", *exact)
    command.send("a\nb\nhalf a li")
    with wire.subscribe(server.port, topic, from_="earliest") as stream:
        assert stream.data(2) == ["a", "b"]
    command.child.send_signal(signal.SIGUSR2)  # for the servers of this machine
    out, err = command.end(0, signal.SIGINT)
    assert len(out) == 1 and "2 events published" in err[-1]
    assert history(server.port, topic) == ["a", "b"]


def test_files(server, topic, tmp_path):
    events = [{"topic": topic, "event": "a", "data": str(n), "id": f"f{n}"} for n in range(50)]
    lines, array = tmp_path / "e.ndjson", tmp_path / "e.json"
    lines.write_text("".join(json.dumps(event) + "\n" for event in events))
    array.write_text("\n " + json.dumps(events))
    ids = cli(server.port, "publish", "--file", lines).stdout.split()
    assert cli(server.port, "publish", "--file", array).stdout.split() == ids
    assert cli(server.port, "publish", "--file", "-", input=lines.read_text()).stdout.split() == ids
    assert [event.id for event in history(server.port, topic, whole=True)] == ids
    lines.write_text('{"topic":"%s.b","data":"x"}\n{"topic":"a b","data":"x"}\n' % topic)
    assert "(400 Bad Request)" in cli(server.port, "publish", "--file", lines, check=1).stderr
    assert history(server.port, topic + ".b") == []
    assert "Cannot read" in cli(server.port, "publish", "--file", tmp_path / "no", check=1).stderr


# --- subscribe -----------------------------------------------------------------------------------

WAYS = [(), ("--ws",), ("--ws", "--compress")]


def test_pretty_lines(server, topic):
    publish(server.port, topic, "plain")
    publish(server.port, topic, '{"a":1}', event="typed")
    publish(server.port, topic, "two\nlines\n", event="typed")
    publish(server.port, topic, "\x1b[31mred\x07 \x9b tab\there")
    words = ["subscribe", topic, "--from", "earliest", "--count", "4"]
    lines = cli(server.port, *words).stdout
    assert lines == (
        'message  plain\ntyped  {"a":1}\ntyped  two\n    lines\n    \n'
        "message  \\x1b[31mred\\x07 \\x9b tab\there\n"
    )
    coloured = cli(server.port, *words, "--color", "always").stdout
    assert coloured.startswith("\x1b[1mmessage\x1b[0m  plain\n") and "\x1b[31m" not in coloured
    several = cli(server.port, "subscribe", topic + "*", *words[1:]).stdout
    assert several.startswith(f"{topic}  message  plain\n")


def test_json_lines(server, topic):
    ids = [publish(server.port, topic, 'q"\n\x01ü'), publish(server.port, topic, "", event="e")]
    words = ["--json", "--from", "earliest", "--count"]
    out = cli(server.port, "subscribe", topic, *words, "2").stdout
    assert [json.loads(line) for line in out.splitlines()] == [
        {"id": ids[0], "event": "message", "topic": topic, "data": 'q"\n\x01ü'},
        {"id": ids[1], "event": "e", "topic": topic, "data": ""},
    ]
    out = cli(server.port, "subscribe", topic + "*", "--last-event-id", "", *words, "1").stdout
    assert json.loads(out)["topic"] == topic


def test_raw_is_the_stream_as_it_is(server, topic):
    ids = [publish(server.port, topic, data) for data in ("a", "b\nc", "d")]
    out = cli(server.port, "subscribe", topic, "--from", "earliest", "--count", "2", "--raw").stdout
    assert out.split(f"id: {ids[0]}\n", 1)[1] == f"data: a\n\nid: {ids[1]}\ndata: b\ndata: c\n\n"


def test_filters_and_resuming(server, topic):
    ids = [publish(server.port, topic, str(n), event="ab"[n % 2]) for n in range(6)]
    words = ["subscribe", topic, "--json", "--count"]
    out = cli(server.port, *words, "3", "--types", "b,c", "--from", "earliest").stdout
    assert [json.loads(line)["id"] for line in out.splitlines()] == ids[1::2]
    out = cli(server.port, *words, "2", "--last-event-id", ids[3]).stdout
    assert [json.loads(line)["id"] for line in out.splitlines()] == ids[4:]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_nothing_is_lost_or_doubled_over_cuts(server, topic, run, tap, way):
    between = tap(server.port)
    command = run(between.port, "subscribe", topic, topic + ".b", "--retry", "20", *way)
    subscribed(server.port, topic)
    for number in range(200):
        publish(server.port, topic + ".b" * (number % 3 == 0), f"{number} " + "again " * 40)
        if number % 40 == 20:
            command.wait_out(number // 2)
            between.cut()
    lines = [line.split() for line in command.wait_out(200)]
    for name in (topic, topic + ".b"):
        numbers = [int(line[2]) for line in lines if line[0] == name]
        assert numbers == [n for n in range(200) if (n % 3 == 0) == name.endswith(".b")]
    _, err = command.end(0, signal.SIGINT)
    assert any("to go on after" in line for line in err) and "Connected again." in err[-1]


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_a_restarted_server_is_joined_again_with_a_warning(start, topic, run, way):
    server = start("drain: {retry_min_ms: 10, retry_max_ms: 20}\n")
    command = run(server.port, "subscribe", topic, "--json", *way)
    subscribed(server.port, topic)
    publish(server.port, topic, "before")
    command.wait_out(1)
    server.stop()
    command.wait_err("Connecting again to go on after")
    server.start()
    publish(server.port, topic, "early")
    command.wait_out(2)
    publish(server.port, topic, "late")
    out = command.wait_out(3)
    assert [json.loads(line)["data"] for line in out] == ["before", "early", "late"]
    _, err = command.end(0, signal.SIGTERM)
    assert any("Gap" in line and "the server was started anew" in line for line in err), err


def test_asks_again_as_told():
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    body = b"retry: 30\n\nid: 1\r\ndata: a\n\ndata: ha"
    with scripted(
        stream + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(body), body),
        b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n",
        b"",
        stream + b"\r\ndata: b\r\rid: 2\n\ndata: lost",
        stream + b"\r\ndata: c\n\n",
    ) as (port, requests):
        done = cli(port, "subscribe", "t", "--json", "--count", "3")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["id"] + event["data"] for event in events] == ["1a", "1b", "2c"]
    last_ids = [re.search("Last-Event-ID: (.*)\r", request) for request in requests]
    assert [found and found[1] for found in last_ids] == [None, "1", "1", "1", "2"]
    assert done.stderr.count("Connected again.") == 2


def test_a_refusal_later_ends_it():
    stream = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 1\n\n"
    with scripted(stream, b"HTTP/1.1 403 Forbidden\r\n\r\n") as (port, _):
        done = cli(port, "subscribe", "t", check=1)
    assert "answered 403 Forbidden." in done.stderr


def test_silence_means_a_dead_connection(server, topic, run, tap):
    between = tap(server.port)
    command = run(between.port, "subscribe", topic, "--silence", "0.3", "--retry", "10")
    subscribed(server.port, topic)
    command.wait_err("Nothing was heard")
    command.wait_err("Connected again.")
    wait_for(lambda: between.accepted >= 2, "another connection")


def test_a_reader_that_leaves_ends_it_quietly(server, topic):
    for number in range(3):
        publish(server.port, topic, str(number))
    for retry in range(2):  # while events are there, and while none come
        command = f"'{servers.binary()}' subscribe {topic} --from earliest | head -n {2 + retry}"
        done = subprocess.run(
            ["bash", "-o", "pipefail", "-c", command],
            env=environment(server.port),
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b"")
        assert len(done.stdout.splitlines()) == 2 + retry


def test_ctrl_c_ends_it_also_when_nobody_reads(server, topic):
    for _ in range(12):
        publish(server.port, topic, "x" * 50_000)
    words = [servers.binary(), "subscribe", topic, "--from", "earliest"]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, env=environment(server.port))
    try:
        wait_for(lambda: len(child.stdout.peek(1)) > 0, "the first bytes")
        child.send_signal(signal.SIGINT)
        assert child.wait(TIMEOUT_S) == 0
    finally:
        child.kill()
        child.stdout.close()


def test_a_full_disk_is_told(server, topic):
    publish(server.port, topic, "x")
    with open("/dev/full", "wb") as full:
        words = [servers.binary(), "subscribe", topic, "--from", "earliest"]
        pipes = {"stdout": full, "stderr": subprocess.PIPE, "env": environment(server.port)}
        done = subprocess.run(words, timeout=TIMEOUT_S, check=False, **pipes)
    assert done.returncode == 1 and b"No space left on device" in done.stderr


def test_many_events_through_a_pipe(server, topic):
    lines = [f"{n} " + "y" * 100 for n in range(6000)]
    cli(server.port, "publish", topic, "-", input="\n".join(lines))
    out = cli(server.port, "subscribe", topic, "--from", "earliest", "--count", "6000").stdout
    assert out.splitlines() == ["message  " + line for line in lines]


# --- topics --------------------------------------------------------------------------------------


def test_topics_as_a_table(start):
    server = start("metrics: {interval_ms: 0}\n")
    assert cli(server.port, "topics").stdout.split() == [
        "TOPIC", "EVENTS", "BYTES", "SUBSCRIBERS", "FIRST", "ID", "LAST", "ID",
    ]  # fmt: skip
    ids = [publish(server.port, "bü", str(n)) for n in range(3)]
    publish(server.port, "a-longer-name", "x")
    with wire.subscribe(server.port, "bü"):
        subscribed(server.port, "bü")
        lines = cli(server.port, "topics").stdout.splitlines()
        answer = json.loads(cli(server.port, "topics", "--json").stdout)
    assert [line.split()[0] for line in lines] == ["TOPIC", "a-longer-name", "bü"]
    row = lines[2].split()
    assert (row[1], *row[3:]) == ("3", "1", ids[0], ids[2])
    assert lines[0].index("LAST ID") == lines[2].index(ids[2])
    assert {topic["topic"] for topic in answer["topics"]} == {"a-longer-name", "bü"}

"""The native EventSource of a headless Chromium, and the page at `/`."""

import hashlib
import http.server
import json
import os
import pathlib
import threading
import time

import pytest
import selenium.webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

import servers
import wire
from test_limits import metric

FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
  --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage
  --disable-features=BackForwardCache
  --window-size=1280,900""".split()

# Every source keeps a log of what happened to it, with times in ms.
HELPER = """
window.sources = {};
window.openSource = (name, url, types) => {
  const source = new EventSource(url);
  const log = [];
  const note = (kind, more) =>
    log.push({kind, at: performance.now(), state: source.readyState, ...more});
  const onEvent = (e) => note('event', {type: e.type, id: e.lastEventId, data: e.data});
  source.onopen = () => note('open');
  source.onerror = () => note('error');
  source.onmessage = onEvent;
  for (const type of types) source.addEventListener(type, onEvent);
  window.sources[name] = {source, log};
};
"""


@pytest.fixture(scope="module")
def driver(tmp_path_factory):
    options = selenium.webdriver.ChromeOptions()
    options.binary_location = servers.tool("chromium", "chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.add_argument(
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = selenium.webdriver.chrome.service.Service(
        servers.tool("chromedriver", "chromium-driver")
    )
    driver = selenium.webdriver.Chrome(service=service, options=options)
    driver.set_script_timeout(10)
    driver.set_page_load_timeout(20)
    yield driver
    driver.quit()


class BlankPage(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"<!doctype html><title>another origin</title>"
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def origin():
    """URL of a page on another origin than the server's."""
    page_server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), BlankPage)
    threading.Thread(target=page_server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{page_server.server_port}/"
    page_server.shutdown()
    page_server.server_close()


class Sources:
    """EventSources in the page that is open."""

    def __init__(self, driver):
        self.driver = driver
        driver.execute_script(HELPER)

    def open(self, url, *types, name="s"):
        self.driver.execute_script("openSource(...arguments)", name, url, list(types))
        wire.wait_for(lambda: self.log(name), f"EventSource {url} to open or fail")

    def log(self, name="s"):
        return self.driver.execute_script("return sources[arguments[0]].log", name)

    def kinds(self, kind, name="s"):
        return [entry for entry in self.log(name) if entry["kind"] == kind]

    def events(self, count, name="s", timeout_s=10):
        what = f"{count} events"
        wire.wait_for(lambda: len(self.kinds("event", name)) >= count, what, timeout_s)
        return self.kinds("event", name)

    def data(self, count, name="s", timeout_s=10):
        return [event["data"] for event in self.events(count, name, timeout_s)]


@pytest.fixture
def sources(driver, origin):
    driver.get(origin)
    yield Sources(driver)
    # A page left behind may live on in the back/forward cache, and with it its connections.
    driver.execute_script("for (const name in sources) sources[name].source.close()")
    driver.get("about:blank")


def events_url(port, *topics, **query):
    pairs = [f"topic={wire.quote(topic)}" for topic in topics]
    pairs += [f"{key.rstrip('_')}={wire.quote(value)}" for key, value in query.items()]
    return f"http://127.0.0.1:{port}/events?" + "&".join(pairs)


def test_events_carry_ids_and_types(server, sources, topic):
    sources.open(events_url(server.port, topic), "step_started", "step_completed")
    first = wire.publish(server.port, topic, '{"step":1}', event="step_started")
    second = wire.publish(server.port, topic, '{"step":1}', event="step_completed")
    third = wire.publish(server.port, topic, "untyped")
    seen = [(e["type"], e["id"], e["data"]) for e in sources.events(3)]
    assert seen == [
        ("step_started", first, '{"step":1}'),
        ("step_completed", second, '{"step":1}'),
        ("message", third, "untyped"),
    ]


@pytest.mark.parametrize(
    "data",
    [
        "one\ntwo\n\nfour",
        " leading and trailing ",
        "ends with a line\n",
        "\nstarts with one",
        "id: 7\nevent: forged\n\ndata: not an event",
        "Grüße, 日本語, 🚀, \u2028 and \ufeff",
        ":",
        "a\tb",
        "x" * 100_000,
    ],
)
def test_data_arrives_as_published(server, sources, topic, data):
    sources.open(events_url(server.port, topic), "forged")
    wire.publish(server.port, topic, data)
    wire.publish(server.port, topic, "end")
    assert sources.data(2) == [data, "end"]


@pytest.mark.parametrize("data", ["one\r\ntwo", "one\rtwo"])
def test_line_ends_become_line_feeds(server, sources, topic, data):
    sources.open(events_url(server.port, topic))
    wire.publish(server.port, topic, data)
    assert sources.data(1) == ["one\ntwo"]


def test_named_route(server, sources):
    sources.open(f"http://127.0.0.1:{server.port}/api/stream/progress/browser", "plan_started")
    wire.publish(server.port, "progress.browser", "{}", event="plan_started")
    assert sources.events(1)[0]["type"] == "plan_started"


def test_chat_greets(server, sources):
    sources.open(f"http://127.0.0.1:{server.port}/api/chat/sse?messageId=m1", "thinking")
    wire.publish(server.port, "chat.m1", '{"type":"thinking"}', event="thinking")
    assert [json.loads(data)["type"] for data in sources.data(2)] == ["connected", "thinking"]


def test_several_topics_on_one_source(start, sources, tap):
    server = start("sse: {retry_ms: 500}\n")
    line = tap(server.port)
    sources.open(events_url(line.port, "left", "right", from_="earliest"))
    for number in range(5):
        for topic in ("left", "right"):
            wire.publish(server.port, topic, f"{topic} {number}")
    assert len(sources.data(10)) == 10
    line.cut()
    for number in range(5, 10):
        for topic in ("left", "right"):
            wire.publish(server.port, topic, f"{topic} {number}")
    data = sources.data(20)
    for topic in ("left", "right"):
        assert [d for d in data if d.startswith(topic)] == [f"{topic} {n}" for n in range(10)]


def test_reconnects_after_a_restart_and_is_told_of_the_gap(start, sources):
    server = start("sse: {retry_ms: 500}\ndrain: {retry_min_ms: 500, retry_max_ms: 600}\n")
    sources.open(events_url(server.port, "jobs.1"), "gap")
    before = wire.publish(server.port, "jobs.1", "before")
    assert sources.data(1) == ["before"]
    server.restart()
    wire.wait_for(lambda: len(sources.kinds("open")) == 2, "the reconnect")
    wire.publish(server.port, "jobs.1", "after")
    _, gap, after = sources.events(3)
    assert gap["type"] == "gap"
    notice = json.loads(gap["data"])
    assert notice["reason"] == "epoch" and notice["requested"] == before
    assert notice["topic"] == "jobs.1"
    assert after["data"] == "after" and after["id"].split("-")[0] != before.split("-")[0]


def test_replay_after_cut_connections_loses_and_doubles_nothing(start, sources, tap, topic):
    server = start("sse: {retry_ms: 500}\n")
    line = tap(server.port)
    sources.open(events_url(line.port, topic))
    count, cuts = 600, 3

    def publish_all():
        with wire.Connection(server.port) as connection:
            for number in range(count):
                wire.publish(server.port, topic, str(number), connection=connection)
                if number % (count // cuts) == 50:
                    opened = len(sources_opened)
                    line.cut()
                    wire.wait_for(lambda: line.accepted > opened, "the reconnect")
                    sources_opened.append(number)

    sources_opened = [0]
    publish_all()
    assert sources.data(count, timeout_s=20) == [str(number) for number in range(count)]
    assert len(sources.kinds("open")) == cuts + 1


def test_reconnect_across_origins_needs_no_preflight(start, sources, tap, topic):
    server = start("sse: {retry_ms: 500}\n")
    line = tap(server.port)
    sources.open(events_url(line.port, topic, "other"))
    last = wire.publish(server.port, topic, "one")
    last = sources.events(1)[0]["id"]
    line.cut()
    wire.publish(server.port, topic, "two")
    assert sources.data(2) == ["one", "two"]
    assert [head.split(" ")[0] for head in line.heads()] == ["GET", "GET"]
    assert f"last-event-id: {last}".lower() in bytes(line.sent[1]).decode().lower()


def test_retry_field_sets_the_pause(start, sources, tap, topic):
    server = start("sse: {retry_ms: 700}\n")
    line = tap(server.port)
    sources.open(events_url(line.port, topic))
    line.cut()
    wire.wait_for(lambda: len(sources.kinds("open")) == 2, "the reconnect")
    log = sources.log()
    error = next(entry for entry in log if entry["kind"] == "error")
    again = [entry for entry in log if entry["kind"] == "open"][1]
    assert 600 <= again["at"] - error["at"] < 3000
    assert error["state"] == 0  # connecting


def test_error_status_closes_for_good(server, sources):
    sources.open(f"http://127.0.0.1:{server.port}/events?topic=a*b%20c")
    log = sources.log()
    assert [entry["kind"] for entry in log] == ["error"] and log[0]["state"] == 2  # closed


def test_fetch_from_another_origin_reads_answers(server, sources, driver, topic):
    answer = driver.execute_async_script(
        """
        const done = arguments[arguments.length - 1];
        const headers = {'Content-Type': 'application/json'};
        fetch(arguments[0], {method: 'POST', body: '{"a":1}', headers})
          .then(async (r) => done([r.status, await r.json()]), (e) => done([0, String(e)]));
        """,
        server.url(f"/api/events/{topic}?event=x"),
    )
    assert answer[0] == 200 and answer[1]["topic"] == topic, answer


# --- The page at `/` -----------------------------------------------------------------------------


def screenshot(driver, tmp_path, name):
    directory = pathlib.Path(os.environ.get("SCREENSHOTS", tmp_path))
    driver.save_screenshot(str(directory / name))


def find(driver, selector):
    return driver.find_element(By.CSS_SELECTOR, selector)


def rows(driver):
    """Rows of the event view as (type, id, data)."""
    return driver.execute_script(
        """
        return [...document.querySelectorAll('#events li')].map((row) =>
          ['.type', '.id', 'pre'].map((part) => row.querySelector(part).textContent));"""
    )


def watch(driver, topic):
    find(driver, "#topic-name").send_keys(topic, Keys.ENTER)
    wire.wait_for(lambda: find(driver, "#state").text == "live", "the event view to be live")


@pytest.fixture
def page(driver, start):
    server = start("sse: {retry_ms: 500}\n")
    driver.get_log("browser")  # those of other pages
    driver.get(server.url())
    yield server
    driver.get("about:blank")


def complaints(driver):
    return [
        entry
        for entry in driver.get_log("browser")
        if entry["level"] == "SEVERE" and "favicon.ico" not in entry["message"]
    ]


def test_page_shows_published_events(driver, page, tmp_path):
    first = wire.publish(page.port, "jobs.7", '{"progress":0.5}', event="step_progress")
    button = wire.wait_for(
        lambda: driver.find_elements(By.XPATH, "//ul[@id='topic-list']//button[b='jobs.7']"),
        "the topic",
    )
    assert "1 event ·" in button[0].text and first in button[0].text
    button[0].click()
    wire.wait_for(lambda: rows(driver), "the history")
    wire.publish(page.port, "jobs.7", "two\nlines")
    wire.wait_for(lambda: len(rows(driver)) == 2, "the live event")
    shown = rows(driver)
    assert shown[0] == ["step_progress", first, '{"progress":0.5}']
    assert shown[1][0] == "message" and shown[1][2] == "two\nlines"
    screenshot(driver, tmp_path, "events.png")
    assert complaints(driver) == []


def test_page_publishes_from_its_form(driver, page):
    watch(driver, "demo")
    for name, text in (("event", "greeting"), ("data", "hello")):
        field = find(driver, f"#publish [name={name}]")
        field.clear()
        field.send_keys(text)
    find(driver, "#publish [name=data]").send_keys(Keys.CONTROL, Keys.ENTER)
    wire.wait_for(lambda: rows(driver), "the event")
    (shown,) = rows(driver)
    assert shown[0] == "greeting" and shown[2] == "hello"
    assert shown[1] in find(driver, "#published").text
    find(driver, "#publish [name=topic]").send_keys(" no blanks")
    find(driver, "#publish > button").click()
    wire.wait_for(lambda: find(driver, "#published").get_attribute("class") == "bad", "the error")


def test_page_treats_data_as_text(driver, page):
    evil = "<img src=x onerror='window.broken=1'><script>window.broken=1</script>"
    watch(driver, "evil")
    wire.publish(page.port, "evil", evil, event="<i>type</i>")
    wire.wait_for(lambda: rows(driver), "the event")
    assert rows(driver)[0][2] == evil and rows(driver)[0][0] == "<i>type</i>"
    found = (
        "return [window.broken ?? 0, document.querySelectorAll('#events img, #events i').length]"
    )
    assert driver.execute_script(found) == [0, 0]


def test_page_pauses_clears_and_filters(driver, page):
    watch(driver, "busy")
    for number in range(6):
        wire.publish(page.port, "busy", str(number), event="odd" if number % 2 else "even")
    wire.wait_for(lambda: len(rows(driver)) == 6, "the events")
    find(driver, "#types").send_keys("odd")
    assert [row[2] for row in rows(driver)] == ["1", "3", "5"]
    find(driver, "#types").send_keys(Keys.BACKSPACE * 3)
    assert len(rows(driver)) == 6
    find(driver, "#pause").click()
    wire.publish(page.port, "busy", "6")
    wire.wait_for(lambda: "1 new" in find(driver, "#pause").text, "the count of hidden events")
    assert len(rows(driver)) == 6
    find(driver, "#pause").click()
    assert len(rows(driver)) == 7
    find(driver, "#clear").click()
    assert rows(driver) == []


def test_page_shows_the_state_and_the_gap_after_a_restart(driver, page, tmp_path):
    watch(driver, "jobs.*")
    wire.publish(page.port, "jobs.1", "before")
    wire.wait_for(lambda: len(rows(driver)) == 1, "the event")
    page.kill()
    wire.wait_for(lambda: "reconnecting" in find(driver, "#state").text, "the state to say so")
    page.start()
    wire.publish(page.port, "jobs.1", "after")
    wire.wait_for(lambda: find(driver, "#state").text == "live", "the reconnect")
    wire.wait_for(lambda: rows(driver)[-1][2] == "after", "the event after it")
    wire.wait_for(lambda: driver.find_elements(By.CSS_SELECTOR, "#events li.gap"), "the gap")
    screenshot(driver, tmp_path, "gap.png")


def test_page_asks_for_a_token_where_one_is_due(driver, start, tmp_path):
    good = "reader-0123456789"
    server = start(f"auth: {{tokens: [{good}]}}\nmetrics: {{interval_ms: 200}}\n")
    shown = (("Authorization", f"Bearer {good}"),)
    assert wire.request(server.port, "POST", "/api/events/jobs.1", shown, "hello").status == 200
    driver.get(server.url())
    field = wire.wait_for(
        lambda: (one := find(driver, "#token")).is_displayed() and one, "the field for a token"
    )
    screenshot(driver, tmp_path, "token.png")
    field.send_keys("not-the-right-one", Keys.ENTER)
    wire.wait_for(lambda: find(driver, "#sign-in-problem").text, "what is wrong with it")
    refused = metric(server, 'http_requests_total{status="4xx"}')
    time.sleep(2.5)  # longer than the list of topics takes to be asked for again
    assert metric(server, 'http_requests_total{status="4xx"}') == refused
    find(driver, "#token").send_keys(good, Keys.ENTER)
    wire.wait_for(lambda: driver.find_elements(By.XPATH, "//button[b='jobs.1']"), "the topic")
    assert not find(driver, "#sign-in").is_displayed()
    wire.wait_for(lambda: "connection" in find(driver, "#figures").text, "the figures")
    watch(driver, "jobs.1")
    wire.wait_for(lambda: rows(driver) and rows(driver)[0][2] == "hello", "the event")
    find(driver, "#publish [name=topic]").clear()
    find(driver, "#publish [name=topic]").send_keys("jobs.2", Keys.ENTER)
    wire.wait_for(lambda: "Published as" in find(driver, "#published").text, "the answer")
    driver.refresh()  # this tab still knows it, another one does not
    wire.wait_for(lambda: driver.find_elements(By.XPATH, "//button[b='jobs.2']"), "both topics")
    assert good not in driver.current_url and not find(driver, "#sign-in").is_displayed()
    driver.execute_script("sessionStorage.clear()")
    driver.get("about:blank")


def test_page_takes_an_api_key_where_anybody_may_do_little(driver, start, tmp_path):
    key = "rk_a-key-of-the-page-0123456789abcdefghij"
    digest = hashlib.sha256(key.encode()).hexdigest()
    (tmp_path / "access.yaml").write_text(
        "anonymous: {subscribe: [public.*]}\n"
        f"keys: {{page: {{hash: 'sha256:{digest}', publish: ['*'], subscribe: ['*']}}}}\n"
    )
    server = start(f"auth: {{access: {tmp_path}/access.yaml}}\nmetrics: {{interval_ms: 200}}\n")
    driver.get(server.url())
    watch(driver, "public.news")  # which nobody has to show anything for
    field = find(driver, "#token")
    assert field.is_displayed() and not find(driver, "#sign-in-problem").text
    field.send_keys(key, Keys.ENTER)
    wire.wait_for(lambda: "connection" in find(driver, "#figures").text, "the figures")
    assert not find(driver, "#sign-in").is_displayed()
    driver.execute_script("sessionStorage.clear()")
    driver.get("about:blank")


def test_page_plots_move(driver, page, tmp_path):
    for step in range(20):
        machine = {
            "cpu_percent": 20 + 3 * step,
            "load1": 0.5,
            "memory_used_bytes": 3 << 30,
            "memory_total_bytes": 8 << 30,
        }
        wire.publish(page.port, "metrics", json.dumps(machine), event="machine")

    def coloured():
        return driver.execute_script(
            """
            return [...document.querySelectorAll('canvas')].map((canvas) => {
              const size = [canvas.width, canvas.height];
              if (!size[0] || !size[1]) return 0;
              const pixels = canvas.getContext('2d').getImageData(0, 0, ...size).data;
              return pixels.filter((value, i) => i % 4 === 3 && value > 0).length;
            });"""
        )

    def pictures():
        return driver.execute_script(
            "return [...document.querySelectorAll('canvas')].map((canvas) => canvas.toDataURL())"
        )

    wire.wait_for(lambda: min(coloured()) > 50, "four plots with something on them")
    assert "GiB" in find(driver, "[data-plot=memory] output").text
    before = pictures()
    wire.publish(
        page.port, "metrics", '{"cpu_percent":99,"memory_used_bytes":7516192768}', event="machine"
    )
    wire.publish(page.port, "metrics", "not json", event="machine")
    wire.wait_for(lambda: all(a != b for a, b in zip(before, pictures())), "all four plots to move")
    assert find(driver, "[data-plot=cpu] output").text == "99 %"
    assert "connections" in find(driver, "#figures").text
    screenshot(driver, tmp_path, "plots.png")
    assert complaints(driver) == []


def test_page_has_a_strict_policy_and_needs_nothing_from_outside(server):
    page = wire.request(server.port, "GET", "/")
    assert page.status == 200 and page.get("Content-Type", "").startswith("text/html")
    policy = page.get("Content-Security-Policy", "")
    assert "default-src 'self'" in policy and "unsafe" not in policy
    for path, kind in (("/app.js", "javascript"), ("/style.css", "text/css")):
        part = wire.request(server.port, "GET", path)
        assert part.status == 200 and kind in part.get("Content-Type", ""), part
        assert b"http://" not in part.body and b"https://" not in part.body
    assert b"http://" not in page.body and b"https://" not in page.body


# --- WebSocket ------------------------------------------------------------------------------------

WS_HELPER = """
window.openSocket = (url) => {
  const log = window.socketLog = [];
  const socket = window.socket = new WebSocket(url);
  socket.onopen = () => log.push({kind: 'open', extensions: socket.extensions});
  socket.onmessage = (e) => log.push({kind: 'message', data: JSON.parse(e.data)});
  socket.onclose = (e) => log.push({kind: 'close', code: e.code, clean: e.wasClean});
};
"""


def test_websocket_in_the_browser(start, driver, origin, topic):
    server = start()
    driver.get(origin)
    driver.execute_script(WS_HELPER)
    driver.execute_script(
        "openSocket(arguments[0])", f"ws://127.0.0.1:{server.port}/ws?topic={topic}"
    )

    def log(kind):
        entries = driver.execute_script("return socketLog")
        return [entry for entry in entries if entry["kind"] == kind]

    def messages():
        return [entry["data"] for entry in log("message")]

    wire.wait_for(lambda: len(messages()) >= 2, "the welcome and the position")
    assert "permessage-deflate" in log("open")[0]["extensions"]
    data = "ä€😀 \" \\ \n" * 100
    wire.publish(server.port, topic, data, event="step")
    wire.wait_for(lambda: len(messages()) >= 3, "the event")
    assert messages()[2]["data"] == data and messages()[2]["event"] == "step"
    driver.execute_script(
        "socket.send(JSON.stringify({type: 'publish', topic: arguments[0], data: 'back'}))", topic
    )
    wire.wait_for(lambda: len(messages()) >= 5, "the answer and the event")
    assert {message.get("type", message.get("data")) for message in messages()[3:]} == {
        "published",
        "back",
    }
    server.signal(15)
    wire.wait_for(lambda: log("close"), "the close")
    assert messages()[-1]["type"] == "drain"
    assert log("close")[0]["code"] == 1001 and log("close")[0]["clean"]
    driver.get("about:blank")

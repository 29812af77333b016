"""`ringload report` and `ringload diff`: runs against a server, and what becomes of their files,
in a browser, too."""

import csv
import io
import json
import os
import pathlib
import re
import subprocess

import pytest
import selenium.webdriver
from selenium.webdriver.common.by import By

import servers
from test_browser import FLAGS


def ringload(*arguments, status=0):
    """Its standard output; what it complained of if it is to fail."""
    program = servers.binary().parent / "ringload"
    done = subprocess.run(
        [program, *map(str, arguments)], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == status, (done.stdout, done.stderr)
    return done.stderr if status in (1, 2) else done.stdout


LOADS = {
    "sse": ["sse", "--subscribers", 40, "--rate", 200],
    "window": ["sse", "--subscribers", 40, "--publishers", 4, "--window", 8],
    "ws": ["ws", "--subscribers", 40, "--rate", 200],
}


@pytest.fixture(scope="module")
def results(server, tmp_path_factory):
    """Files of a second each, by name; of `sse` two runs."""
    folder = tmp_path_factory.mktemp("results")
    files = {}
    for name, load in [("sse", "sse"), ("again", "sse"), ("window", "window"), ("ws", "ws")]:
        files[name] = folder / f"{name}.json"
        where = ["--url", server.url(), "--server-pid", server.child.pid, "--json", files[name]]
        times = ["--warmup", 0.2, "--time", 1, "--interval", 0.1]
        ringload(*LOADS[load], *times, *where, "--quiet")
    return files


@pytest.fixture
def altered(results, tmp_path):
    """Writes the result of `sse` with some members changed: altered(p99=…, lost=…)."""

    def write(**members):
        run = json.loads(results["sse"].read_text())
        for name, value in members.items():
            (run["latency_us"] if name in run["latency_us"] else run)[name] = value
        path = tmp_path / f"altered{len(list(tmp_path.iterdir()))}.json"
        path.write_text(json.dumps(run))
        return path

    return write


# --- What a run says of itself -------------------------------------------------------------------


def test_a_result_says_where_it_comes_from(results):
    run = json.loads(results["sse"].read_text())
    assert run["format"] == 1
    assert run["ringload"] in ringload("manual")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", run["started_at"])
    assert run["command"][1:4] == ["sse", "--subscribers", "40"]
    environment = run["environment"]
    assert environment["cores"] == os.cpu_count()
    assert environment["kernel"] == os.uname().release
    assert environment["memory_bytes"] > 1 << 28
    assert environment["cpu_model"] and environment["tcp_congestion_control"]
    assert environment["load_average"] >= 0 and environment["netdev_max_backlog"] > 0
    flags = re.search(r"^flags.*", pathlib.Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    assert environment["virtualised"] == ("hypervisor" in (flags[0].split() if flags else []))


def test_a_result_has_the_whole_curve(results):
    for path in results.values():
        run = json.loads(path.read_text())
        for name, summary in [("percentiles_us", "latency_us"),
                              ("publish_percentiles_us", "publish_us")]:
            curve = run[name]
            assert curve[0][0] == 0 and curve[-1] == [1, run[summary]["max"]]
            assert curve == sorted(curve)
            at_median = dict(map(tuple, curve))[0.5]
            assert at_median == pytest.approx(run[summary]["p50"], rel=1e-3)


# --- Reports -------------------------------------------------------------------------------------


def test_a_table_stands_side_by_side(results):
    text = ringload("report", f"one={results['sse']}", f"one={results['again']}",
                    f"other={results['ws']}")
    lines = text.splitlines()
    assert lines[0].split() == ["one", "other"]
    assert lines[1].split() == ["runs", "2", "1"]
    titles = [line.split("  ")[0] for line in lines]
    for title in ("deliveries/s", "events/s", "latency p50", "latency p99.9", "latency max",
                  "server CPU/delivery", "server memory", "client CPU share", "lost",
                  "duplicates", "out of order"):
        assert title in titles, text
    # Rates may be the same twice, latencies to the nanosecond are not.
    assert any(".." in line for line in lines if line.startswith("latency"))
    for path, name in ((results["sse"], "sse"), (results["ws"], "ws")):
        assert ringload("report", path).split()[:2] == ["ringcast", name]


def test_csv_has_a_line_a_run(results, tmp_path):
    path = tmp_path / "runs.csv"
    words = [f"a, \"b\"={results['sse']}", f"a, \"b\"={results['again']}", f"c={results['ws']}"]
    ringload("report", *words, "--csv", path, "--quiet")
    rows = list(csv.DictReader(io.StringIO(path.read_text(), newline="")))
    assert [(row["measurement"], row["run"]) for row in rows] == [
        ('a, "b"', "1"), ('a, "b"', "2"), ("c", "1")]
    run = json.loads(results["sse"].read_text())
    assert float(rows[0]["deliveries_per_s"]) == run["deliveries_per_s"]
    assert float(rows[0]["p99_us"]) == run["latency_us"]["p99"]
    assert rows[0]["lost"] == "0" and rows[2]["transport"] == "ws"
    assert ringload("report", *words, "--csv", "-").splitlines() == path.read_text().splitlines()


def test_lists_of_measurements_are_read(results, tmp_path):
    runs = [json.loads(results[name].read_text()) for name in ("sse", "again", "ws")]
    path = tmp_path / "all.json"
    measurements = [{"name": "first", "runs": runs[:2]}, {"name": "second", "runs": runs[2:]}]
    path.write_text(json.dumps({"format": 1, "measurements": measurements}))
    lines = ringload("report", path).splitlines()
    assert lines[0].split() == ["first", "second"] and lines[1].split() == ["runs", "2", "1"]
    assert "Nothing worse, nothing better" in ringload("diff", path, path)


# --- Comparisons ---------------------------------------------------------------------------------


def test_diff_says_what_is_worse(results, altered):
    before = results["sse"]
    p99 = json.loads(before.read_text())["latency_us"]["p99"]
    assert "Nothing worse" in ringload("diff", before, before)
    text = ringload("diff", before, altered(p99=p99 * 1.2), status=3)
    line = next(line for line in text.splitlines() if "p99 " in line)
    assert "1.200" in line and line.endswith("WORSE"), text
    assert "1 figure worse" in text
    ringload("diff", before, altered(p99=p99 * 1.2), "--bound", 25)
    assert "better" in ringload("diff", before, altered(p99=p99 / 2))
    text = ringload("diff", before, altered(lost=1), "--bound", 1000, status=3)
    assert re.search(r"lost +0 +1 +WORSE", text), text


# --- Files that are none -------------------------------------------------------------------------


def test_bad_files_are_named(results, altered, tmp_path):
    cut = tmp_path / "cut.json"
    cut.write_text(results["sse"].read_text()[:1000])
    text = tmp_path / "text.json"
    text.write_text("hello")
    missing = tmp_path / "missing.json"
    for path, reason in [(cut, "is cut off"), (text, "no JSON"), (missing, "No such file"),
                         (altered(format=2), "format 2"), (tmp_path, "directory"),
                         (altered(target=None), "`target` is missing")]:
        for words in (["report", path], ["diff", results["sse"], path],
                      ["diff", path, results["sse"]]):
            complaint = ringload(*words, status=1)
            assert str(path) in complaint and reason in complaint, complaint
            assert complaint.count("\n") == 1, complaint
    complaint = ringload("report", results["sse"], "--html", "/nowhere/x.html", status=1)
    assert "/nowhere/x.html" in complaint
    for words in (["report"], ["diff", cut], ["diff", cut, cut, "--bound", "x"],
                  ["report", cut, "--nothing"]):
        ringload(*words, status=2)


# --- The page ------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    options = selenium.webdriver.ChromeOptions()
    options.binary_location = servers.tool("chromium", "chromium")
    for flag in FLAGS:
        options.add_argument(flag)
    options.add_argument(f"--user-data-dir={tmp_path_factory.mktemp('chromium')}")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    service = selenium.webdriver.chrome.service.Service(
        servers.tool("chromedriver", "chromium-driver")
    )
    driver = selenium.webdriver.Chrome(service=service, options=options)
    driver.set_page_load_timeout(30)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def page(results, tmp_path_factory):
    """A report of three measurements, one with two runs and a warning."""
    folder = tmp_path_factory.mktemp("page")
    warned = json.loads(results["window"].read_text())
    warned["warnings"].append("<script>document.title = 'broken'</script>")
    (folder / "warned.json").write_text(json.dumps(warned))
    path = folder / "report.html"
    words = [f"SSE, 200/s={results['sse']}", f"SSE, 200/s={results['again']}",
             f"SSE, window 8={folder / 'warned.json'}", f"WebSocket, 200/s={results['ws']}"]
    ringload("report", *words, "--html", path, "--title", "Fan-out to 40", "--quiet")
    return path


def show(browser, path, scheme, width=1440):
    """Opens the page in a scheme, as high as it is."""
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia",
        {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    for log in ("browser", "performance"):
        browser.get_log(log)
    browser.get(path.as_uri())
    height = browser.execute_script("return document.documentElement.scrollHeight")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False})


def requests(browser):
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    urls = [message["params"]["request"]["url"] for message in messages
            if message["method"] == "Network.requestWillBeSent"]
    return [url for url in urls if not url.startswith("data:")]


# Of each plot: its name, and of its lines, bars and dots whether all lie within its frame.
PLOTS = """
return [...document.querySelectorAll('svg.plot')].map((svg) => {
  const outer = svg.getBoundingClientRect();
  const within = (shape) => {
    const box = shape.getBoundingClientRect();
    return box.left >= outer.left - 1 && box.right <= outer.right + 1 &&
      box.top >= outer.top - 1 && box.bottom <= outer.bottom + 1;
  };
  const paths = [...svg.querySelectorAll('path.curve')];
  const bars = [...svg.querySelectorAll('rect.bar')];
  const lit = (shape) => {
    const style = getComputedStyle(shape);
    return shape.tagName === 'path' ? style.stroke : style.fill;
  };
  return {
    name: svg.querySelector('title').textContent,
    size: [outer.width, outer.height],
    lengths: paths.map((path) => path.getTotalLength()),
    bars: bars.map((bar) => bar.getBoundingClientRect().width),
    colours: [...paths, ...bars].map(lit),
    legend: svg.querySelectorAll('text.legend').length,
    labels: [...svg.querySelectorAll('text.label')].map((label) => label.textContent),
    outside: [...svg.querySelectorAll('path, rect, circle, text')].filter((s) => !within(s)).length,
  };
});
"""

UNIT = r"\((%|1/s|s|ns|((ns|µs|ms) to )?(µs|ms|s)(, log scale)?)[,)]"
PLOT_NAMES = ["Deliveries per second", "p99 latency", "Server CPU per delivery",
              "Latency by percentile", "Throughput over time", "p99 latency over time"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_page_draws_every_plot(browser, page, tmp_path, scheme):
    show(browser, page, scheme)
    plots = {plot["name"]: plot for plot in browser.execute_script(PLOTS)}
    assert list(plots) == PLOT_NAMES
    for plot in plots.values():
        assert min(plot["size"]) > 100 and plot["outside"] == 0, plot
        assert len(set(plot["colours"])) == 3, plot
        lines = "over time" in plot["name"] or "percentile" in plot["name"]
        assert len(plot["lengths"]) == (4 if lines else 0), plot
        assert all(length > 50 for length in plot["lengths"]), plot
        assert len(plot["bars"]) == (0 if lines else 3) and all(plot["bars"]), plot
        assert plot["legend"] == (3 if lines else 0), plot
        assert len(plot["labels"]) == (2 if lines else 1), plot
        for label in plot["labels"]:
            assert re.search(UNIT, label), label
    folder = pathlib.Path(os.environ.get("SCREENSHOTS", tmp_path))
    browser.save_screenshot(str(folder / f"report-{scheme}.png"))
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, re.findall(r"\d+", ground)[:3])) > 384) == (scheme == "light"), ground
    assert requests(browser) == [page.as_uri()]
    assert browser.get_log("browser") == []


def test_page_says_everything(browser, page, results):
    show(browser, page, "light")
    assert browser.title == "Fan-out to 40"
    text = browser.find_element(By.TAG_NAME, "main").text
    warnings = browser.find_element(By.CLASS_NAME, "warnings").text
    assert "SSE, window 8: <script>document.title = 'broken'</script>" in warnings
    assert text.index("Read these warnings first") < text.index("Deliveries per second")
    assert text.count("✓ nothing lost, doubled or out of order") == 3
    run = json.loads(results["ws"].read_text())
    assert " ".join(run["command"]) in text
    for part in (run["environment"]["cpu_model"], run["environment"]["kernel"], "latency p99.9",
                 "server CPU/delivery", "net.core.netdev_max_backlog"):
        assert part in text, part
    assert browser.find_elements(By.CSS_SELECTOR, "script, img, iframe, [src]") == []
    wide = "return document.documentElement.scrollWidth <= innerWidth"
    for width in (1440, 800, 400):
        show(browser, page, "light", width)
        assert browser.execute_script(wide), width

#include "tools/ringload/report_html.h"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "tools/ringload/html_text.h"
#include "tools/ringload/report_html_tables.h"
#include "tools/ringload/report_plots.h"
#include "tools/ringload/report_style.h"
#include "tools/ringload/report_table.h"
#include "tools/ringload/svg_plot.h"

namespace ringcast::load {
namespace {

using Measurements = std::vector<Measurement>;

constexpr const char* kHowToRead = R"(<footer><p><b>Latency</b> is the time from when an event
was <em>meant</em> to be sent (with a rate) or was sent (with a window) until it arrived at a
subscriber; an event that waits because the server is slow counts with its waiting.
<b>Throughput</b> and <b>p99 over time</b> show what arrived in each interval. Where a measurement
has several runs, figures are medians with the least and the most below, bars have whiskers, and
lines of the runs other than the typical one are faint. <b>Server CPU</b> is the time of all its
threads, in the kernel, too. Bold figures are the best of their row.</p></footer>
)";

std::string plural(std::size_t count, std::string_view noun) {
  return fmt::format("{} {}{}", count, noun, count == 1 ? "" : "s");
}

template <class Take>
void for_each_run(const Measurements& measurements, Take take) {
  for (const Measurement& each : measurements) {
    for (const RunResult& run : each.runs) take(run);
  }
}

// "2026-11-22T15:40:06Z" as people write it.
std::string readable(std::string time) {
  if (const std::size_t at = time.find('T'); at != std::string::npos) time[at] = ' ';
  if (time.ends_with('Z')) time.replace(time.size() - 1, 1, " UTC");
  return time;
}

std::string about(const Measurements& measurements) {
  std::size_t runs = 0;
  std::string first;
  std::string version;
  for_each_run(measurements, [&](const RunResult& run) {
    ++runs;
    const bool earlier = first.empty() || run.started_at < first;
    if (!run.started_at.empty() && earlier) first = run.started_at;
    version = std::max(version, run.ringload);
  });
  const RunResult& run = measurements.front().runs.front();
  std::string text =
      fmt::format("{}, {}", plural(measurements.size(), "measurement"), plural(runs, "run"));
  if (!first.empty()) text += " · from " + readable(first);
  if (!run.environment.cpu_model.empty()) {
    text +=
        fmt::format(" · {}, {}{}", run.environment.cpu_model, plural(run.environment.cores, "core"),
                    run.environment.virtualised ? ", virtual machine" : "");
  }
  if (!run.environment.kernel.empty()) text += " · Linux " + run.environment.kernel;
  if (!version.empty()) text += " · ringload " + version;
  return text;
}

std::string states(const Measurements& measurements) {
  std::string out = "<ul class=\"states\">\n";
  for (std::size_t series = 0; series < measurements.size(); ++series) {
    const std::string wrong = what_went_wrong(measurements[series]);
    out +=
        fmt::format("<li class=\"{}\">{} <span class=\"{}\">{}</span></li>\n", series_class(series),
                    html(measurements[series].name), wrong.empty() ? "good" : "bad",
                    wrong.empty() ? "✓ nothing lost, doubled or out of order" : "✗ " + html(wrong));
  }
  return out + "</ul>\n";
}

std::string warnings(const Measurements& measurements) {
  std::string items;
  for (const Measurement& each : measurements) {
    for (const std::string& warning : warnings_of(each)) {
      items += fmt::format("<li><b>{}</b>: {}</li>\n", html(each.name), html(warning));
    }
  }
  if (items.empty()) return "";
  return "<section class=\"card warnings\"><h2>⚠ Read these warnings first</h2>\n<ul>\n" + items +
         "</ul></section>\n";
}

std::string card(std::string_view heading, std::string_view hint, const std::string& content) {
  if (content.empty()) return "";
  return fmt::format(
      "<section class=\"card\"><h2>{}</h2>\n<p class=\"hint\">{}</p>\n{}</section>\n", heading,
      hint, content);
}

// On a narrow screen a plot keeps a width at which it can be read.
std::string scrolling(const std::string& plot) {
  return plot.empty() ? "" : "<div class=\"scroll\">" + plot + "</div>\n";
}

std::string row(std::string_view kind, const std::string& cards) {
  return cards.empty() ? "" : fmt::format("<div class=\"row {}\">\n{}</div>\n", kind, cards);
}

std::string bars(const Measurements& measurements) {
  std::string cards;
  cards += card("Deliveries per second", "more is better",
                figure_bars(measurements, "deliveries_per_s", "Deliveries per second",
                            "deliveries per second (1/s)"));
  cards += card("p99 latency", "less is better",
                figure_bars(measurements, "p99_us", "p99 latency", "p99 latency"));
  const std::string cpu =
      figure_bars(measurements, "server_cpu_ns_per_delivery", "Server CPU per delivery",
                  "server CPU time per delivery (ns)");
  cards += card("Server CPU per delivery", "less is better", cpu);
  const bool idle = std::ranges::all_of(
      measurements, [](const Measurement& each) { return each.runs.front().idle(); });
  if (cpu.empty() || idle) {
    cards += card("Memory per subscriber", "less is better",
                  figure_bars(measurements, "server_bytes_per_subscriber", "Memory per subscriber",
                              "memory per subscriber (bytes)"));
  }
  return row("three", cards);
}

std::string plots(const Measurements& measurements) {
  std::string out = card("Latency by percentile",
                         "How late the slowest of so many deliveries were. Each vertical line on "
                         "the right is ten times rarer than the one before.",
                         scrolling(latency_curve(measurements)));
  out += row("two", card("Throughput over time", "what arrived in each interval",
                         scrolling(throughput_over_time(measurements))) +
                        card("p99 latency over time", "of what arrived in each interval",
                             scrolling(p99_over_time(measurements))));
  return out;
}

}  // namespace

std::string html_of(const Measurements& measurements, const std::string& title) {
  std::string out = fmt::format(
      "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      // Whatever came from the files: nothing is loaded, nothing runs.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; img-src data:\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>{}</title>\n<style>{}</style>\n</head>\n"
      "<body>\n<main>\n<header><h1>{}</h1>\n<p class=\"about\">{}</p>\n{}</header>\n",
      html(title), kReportStyle, html(title), html(about(measurements)), states(measurements));
  out += warnings(measurements) + bars(measurements) + plots(measurements);
  out += card("All figures", "medians of the runs, and least to most where runs differ",
              figures_table(measurements));
  out += runs_table(measurements);
  out += card("Where it was measured", "the machine, when each run began",
              environment_table(measurements));
  out += card("The scenario", "as a file, this repeats all of it: ringload run FILE",
              scenarios_of(measurements));
  out += card("To repeat it", "the commands as they were given", commands_of(measurements));
  return out + kHowToRead + "</main>\n</body>\n</html>\n";
}

}  // namespace ringcast::load

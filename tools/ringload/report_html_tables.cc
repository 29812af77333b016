#include "tools/ringload/report_html_tables.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <string_view>
#include <utility>

#include "tools/ringload/figure.h"
#include "tools/ringload/html_text.h"
#include "tools/ringload/report.h"
#include "tools/ringload/svg_plot.h"

namespace ringcast::load {
namespace {

using Measurements = std::vector<Measurement>;

std::string shell_word(const std::string& word) {
  constexpr std::string_view kPlain =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-./:=,+@%";
  if (!word.empty() && word.find_first_not_of(kPlain) == std::string::npos) return word;
  std::string out = "'";
  for (const char c : word) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + '\'';
}

std::string command_line(const RunResult& run) {
  std::string line;
  for (const std::string& word : run.command) line += (line.empty() ? "" : " ") + shell_word(word);
  return line;
}

std::string load_of(const RunResult& run) {
  if (run.rate) return fmt::format("open loop, {}/s", with_commas(*run.rate));
  if (run.window) return fmt::format("closed loop, window {}", with_commas(*run.window));
  return run.mode;
}

std::string head_row(const Measurements& measurements) {
  std::string out = "<thead><tr><th></th>";
  for (std::size_t series = 0; series < measurements.size(); ++series) {
    out += fmt::format("<th scope=\"col\" class=\"series {}\">{}</th>", series_class(series),
                       html(measurements[series].name));
  }
  return out + "</tr></thead>\n";
}

template <class Write>
std::string plain_row(const Measurements& measurements, std::string_view title, Write write) {
  std::string out = fmt::format("<tr><th scope=\"row\">{}</th>", title);
  for (const Measurement& each : measurements) out += fmt::format("<td>{}</td>", html(write(each)));
  return out + "</tr>\n";
}

// The best median of a row; nothing where none can be called better.
std::optional<double> best_of(const Measurements& measurements, const Figure& figure) {
  const bool more = figure.sense == Sense::more_is_better;
  std::optional<double> best;
  std::optional<double> worst;
  if (!more && figure.sense != Sense::less_is_better) return {};
  for (const Measurement& each : measurements) {
    const auto spread = spread_of(each, figure);
    if (!spread) continue;
    if (!best || (more ? spread->median > *best : spread->median < *best)) best = spread->median;
    if (!worst || (more ? spread->median < *worst : spread->median > *worst)) {
      worst = spread->median;
    }
  }
  return best == worst ? std::nullopt : best;
}

std::string figure_cell(const Spread& spread, const Figure& figure, bool best) {
  const bool wrong = figure.sense == Sense::correctness && spread.max > 0;
  std::string out = fmt::format("<td{}>{}",
                                wrong  ? " class=\"bad\""
                                : best ? " class=\"best\""
                                       : "",
                                html(figure.unit, spread.median));
  const std::string least = html(figure.unit, spread.min);
  const std::string most = html(figure.unit, spread.max);
  if (least != most) out += fmt::format("<small>{} to {}</small>", least, most);
  return out + "</td>";
}

std::string figure_row(const Measurements& measurements, const Figure& figure) {
  const auto best = best_of(measurements, figure);
  std::string cells;
  bool any = false;
  for (const Measurement& each : measurements) {
    const auto spread = spread_of(each, figure);
    any = any || spread.has_value();
    cells += spread ? figure_cell(*spread, figure, best && spread->median == *best) : "<td>–</td>";
  }
  if (!any) return "";
  const bool starts = figure.name == "p50_us" || figure.name == "server_cpu_ns_per_delivery" ||
                      figure.name == "lost";
  return fmt::format("<tr{}><th scope=\"row\">{}</th>{}</tr>\n", starts ? " class=\"group\"" : "",
                     html(figure.title), cells);
}

// Of the failures that hardly ever happen, those that did not.
bool rare_and_absent(const Measurements& measurements, const Figure& figure) {
  if (figure.sense != Sense::correctness || figure.usual) return false;
  return std::ranges::none_of(measurements, [&](const Measurement& each) {
    const auto spread = spread_of(each, figure);
    return spread && spread->max > 0;
  });
}

std::string table(const std::string& content, std::string_view kind = "") {
  return fmt::format("<div class=\"scroll\"><table class=\"{}\">\n", kind) + content +
         "</table></div>\n";
}

std::string run_row(const Measurement& measurement, std::size_t index) {
  const RunResult& run = measurement.runs[index];
  std::string out = fmt::format("<tr><th scope=\"row\">{} #{}</th><td class=\"left\">{}</td>",
                                html(measurement.name), index + 1, html(run.started_at));
  for (const Figure& figure : all_figures()) {
    const auto value = figure.of(run);
    const bool wrong = figure.sense == Sense::correctness && value.value_or(0) > 0;
    out += fmt::format("<td{}>{}</td>", wrong ? " class=\"bad\"" : "",
                       value ? html(figure.unit, *value) : "–");
  }
  return out + "</tr>\n";
}

struct Machine {
  Environment environment;
  double least_load = 0;
  double most_load = 0;
  std::vector<std::string> names;  // of the measurements
};

// The load differs from run to run on the same machine.
std::vector<Machine> machines_of(const Measurements& measurements) {
  std::vector<Machine> machines;
  for (const Measurement& each : measurements) {
    for (const RunResult& run : each.runs) {
      Environment same = run.environment;
      same.load_average = 0;
      auto found = std::ranges::find(machines, same, &Machine::environment);
      const double load = run.environment.load_average;
      if (found == machines.end()) {
        machines.push_back({same, load, load, {}});
        found = machines.end() - 1;
      }
      found->least_load = std::min(found->least_load, load);
      found->most_load = std::max(found->most_load, load);
      if (found->names.empty() || found->names.back() != each.name) {
        found->names.push_back(each.name);
      }
    }
  }
  return machines;
}

std::string known(const std::string& text) { return text.empty() ? "–" : text; }

}  // namespace

std::string what_went_wrong(const Measurement& measurement) {
  std::string text;
  for (const Figure& figure : all_figures()) {
    if (figure.sense != Sense::correctness) continue;
    double total = 0;
    for (const RunResult& run : measurement.runs) total += figure.of(run).value_or(0);
    if (total == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", with_commas(total), figure.title);
  }
  return text;
}

std::string figures_table(const Measurements& measurements) {
  std::string out = head_row(measurements) + "<tbody>\n";
  out += plain_row(measurements, "transport",
                   [](const Measurement& each) { return each.runs.front().transport; });
  out += plain_row(measurements, "load",
                   [](const Measurement& each) { return load_of(each.runs.front()); });
  out += plain_row(measurements, "subscribers or connections", [](const Measurement& each) {
    return with_commas(each.runs.front().subscribers);
  });
  out += plain_row(measurements, "publishers, topics, bytes", [](const Measurement& each) {
    const RunResult& run = each.runs.front();
    return fmt::format("{}, {}, {}", with_commas(run.publishers), with_commas(run.topics),
                       with_commas(run.size));
  });
  out += plain_row(measurements, "measured", [](const Measurement& each) {
    return fmt::format("{} × {:.3g} s", each.runs.size(), each.runs.front().seconds);
  });
  std::string rare;
  for (const Figure& figure : all_figures()) {
    if (rare_and_absent(measurements, figure)) {
      rare += fmt::format("{}{}", rare.empty() ? "" : ", ", figure.title);
    } else {
      out += figure_row(measurements, figure);
    }
  }
  if (!rare.empty()) {
    out += plain_row(measurements, rare, [](const Measurement&) { return std::string("0"); });
  }
  return table(out + "</tbody>\n");
}

std::string runs_table(const Measurements& measurements) {
  if (std::ranges::all_of(measurements, [](const auto& each) { return each.runs.size() == 1; })) {
    return "";
  }
  std::string out = "<thead><tr><th>run</th><th class=\"left\">began</th>";
  for (const Figure& figure : all_figures()) {
    out += fmt::format("<th scope=\"col\">{}</th>", html(figure.title));
  }
  out += "</tr></thead>\n<tbody>\n";
  for (const Measurement& each : measurements) {
    for (std::size_t index = 0; index < each.runs.size(); ++index) out += run_row(each, index);
  }
  return "<details class=\"card\"><summary>Every run</summary>\n" + table(out + "</tbody>\n") +
         "</details>\n";
}

std::string environment_table(const Measurements& measurements) {
  const auto machines = machines_of(measurements);
  const auto row_of = [&](std::string_view title, auto write) {
    std::string out = fmt::format("<tr><th scope=\"row\">{}</th>", title);
    for (const Machine& each : machines) {
      out += fmt::format("<td class=\"left\">{}</td>", html(write(each)));
    }
    return out + "</tr>\n";
  };
  std::string out = "<tbody>\n";
  if (machines.size() > 1) {
    out += row_of("measurements", [](const Machine& each) {
      return fmt::format("{}", fmt::join(each.names, ", "));
    });
  }
  out += row_of("CPU", [](const Machine& each) { return known(each.environment.cpu_model); });
  out += row_of("cores", [](const Machine& each) {
    return fmt::format("{}{}", each.environment.cores,
                       each.environment.virtualised ? " (a virtual machine's)" : "");
  });
  out += row_of("memory", [](const Machine& each) {
    return fmt::format("{:.1f} GiB",
                       static_cast<double>(each.environment.memory_bytes) / (1 << 30));
  });
  out += row_of("kernel", [](const Machine& each) { return known(each.environment.kernel); });
  out += row_of("TCP congestion control",
                [](const Machine& each) { return known(each.environment.tcp_congestion_control); });
  out += row_of("net.core.netdev_max_backlog (packets)", [](const Machine& each) {
    return each.environment.netdev_max_backlog < 0
               ? "–"
               : fmt::to_string(each.environment.netdev_max_backlog);
  });
  out += row_of("load average before (1 min)", [](const Machine& each) {
    return each.most_load > each.least_load
               ? fmt::format("{:.2f} to {:.2f}", each.least_load, each.most_load)
               : fmt::format("{:.2f}", each.most_load);
  });
  return table(out + "</tbody>\n", "narrow");
}

std::string scenarios_of(const Measurements& measurements) {
  std::vector<std::string> seen;
  std::string out;
  for (const Measurement& each : measurements) {
    if (each.scenario.empty() || std::ranges::find(seen, each.scenario) != seen.end()) continue;
    seen.push_back(each.scenario);
    out += "<pre>" + html(each.scenario) + "</pre>\n";
  }
  return out;
}

std::string commands_of(const Measurements& measurements) {
  std::string out;
  for (const Measurement& each : measurements) {
    std::vector<std::pair<std::string, std::size_t>> lines;
    for (const RunResult& run : each.runs) {
      const std::string line = command_line(run);
      if (line.empty()) continue;
      const auto found =
          std::ranges::find(lines, line, &std::pair<std::string, std::size_t>::first);
      if (found == lines.end()) {
        lines.emplace_back(line, 1);
      } else {
        ++found->second;
      }
    }
    if (lines.empty()) continue;
    out += fmt::format("<h3>{}</h3>\n", html(each.name));
    for (const auto& [line, times] : lines) {
      out += fmt::format("<pre>{}{}</pre>\n", html(line),
                         times > 1 ? fmt::format("   # {} times", times) : "");
    }
  }
  return out;
}

}  // namespace ringcast::load

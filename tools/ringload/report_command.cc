#include "tools/ringload/report_command.h"

#include <cstdio>

#include "tools/ringload/diff.h"
#include "tools/ringload/report_csv.h"
#include "tools/ringload/report_html.h"
#include "tools/ringload/report_table.h"
#include "tools/ringload/result_file.h"
#include "tools/ringload/text_file.h"

namespace ringcast::load {
namespace {

constexpr const char* kReportExamples = R"(Examples:
  A table of what a run was:
    ringload sse --rate 100 --json now.json && ringload report now.json
  Two servers side by side, with a report to pass on:
    ringload report ringcast=a.json nchan=b.json --html report.html
  Several runs of one measurement: the figures are medians, with the least and the most:
    ringload report v1=run1.json v1=run2.json v1=run3.json --csv runs.csv

Files of one run with the same NAME are runs of one measurement; without a NAME, a measurement is
called after target and transport. The HTML file has everything in it: it loads nothing, and shows
without scripts.
Exit status: 0 reported, 1 could not read or write, 2 wrong usage.
)";

constexpr const char* kDiffExamples = R"(Examples:
  Has it become slower?
    ringload diff before.json after.json
  Only by more than a tenth matters:
    ringload diff before.json after.json --bound 10

Measurements are matched by name, or the only one of each file. A figure is worse if its median
moved by more than the bound and the runs before and after do not overlap. More that is lost,
doubled, out of order or failed is always worse. The largest latency is a single event's and the
client's share tells about the client: neither is judged.
Exit status: 0 nothing is worse, 1 could not read, 2 wrong usage, 3 something is worse.
)";

}  // namespace

void ReportCommand::add_to(CLI::App& app) {
  app.add_option("FILE", files_, "results (`--json`), each as FILE or NAME=FILE")->required();
  app.add_option("--csv", csv_, "write a line a run here (-: standard output)");
  app.add_option("--html", html_, "write a report with plots here (-: standard output)");
  app.add_option("--title", title_, "heading of the HTML report")->capture_default_str();
  app.add_flag("--quiet", quiet_, "no table on standard output");
  app.footer(kReportExamples);
}

Result<bool> ReportCommand::run() const {
  const auto measurements = read_all_results(files_);
  if (!measurements) return std::unexpected(measurements.error());
  if (!quiet_ && csv_ != "-" && html_ != "-") {
    std::fputs(table_of(*measurements, text_width()).c_str(), stdout);
  }
  if (!csv_.empty()) {
    if (auto written = write_text(csv_, csv_of(*measurements)); !written) {
      return std::unexpected(written.error());
    }
  }
  if (!html_.empty()) {
    if (auto written = write_text(html_, html_of(*measurements, title_)); !written) {
      return std::unexpected(written.error());
    }
  }
  return true;
}

void DiffCommand::add_to(CLI::App& app) {
  app.add_option("BEFORE", before_, "results (`--json`)")->required();
  app.add_option("AFTER", after_, "the results that are judged")->required();
  app.add_option("--bound", bound_percent_, "percent that a figure may get worse")
      ->check(CLI::Range(0.0, 1e6))
      ->capture_default_str();
  app.footer(kDiffExamples);
}

Result<bool> DiffCommand::run() const {
  const auto before = read_all_results({before_});
  if (!before) return std::unexpected(before.error());
  const auto after = read_all_results({after_});
  if (!after) return std::unexpected(after.error());
  const auto diff = diff_of(*before, *after, bound_percent_ / 100);
  if (!diff) return std::unexpected(diff.error());
  std::fputs(to_text(*diff, bound_percent_ / 100).c_str(), stdout);
  return !diff->worse();
}

}  // namespace ringcast::load

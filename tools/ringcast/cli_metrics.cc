// `ringcast admin metrics`.
#include <fmt/format.h>
#include <simdjson.h>

#include <array>

#include "tools/ringcast/cli_admin.h"
#include "tools/ringcast/cli_ws_follower.h"

namespace ringcast {
namespace {

constexpr std::uint64_t kLinesPerTitle = 20;

enum class Unit : std::uint8_t { plain, bytes };

struct Figure {
  std::string_view title;  // as wide as its column
  const char* key;
  Unit unit = Unit::plain;
};

constexpr std::array<Figure, 9> kFigures = {{{"CONNECTIONS", "connections"},
                                             {"SUBSCRIBERS", "subscribers"},
                                             {" TOPICS", "topics"},
                                             {" EVENTS/S", "events_per_s"},
                                             {"DELIVERIES/S", "deliveries_per_s"},
                                             {"  SENDS/S", "sends_per_s"},
                                             {"HISTORY", "log_bytes", Unit::bytes},
                                             {" CPU %", "cpu_percent"},
                                             {" MEMORY", "rss_bytes", Unit::bytes}}};

std::string text_of(double value, Unit unit) {
  if (unit == Unit::plain) return fmt::format("{:.0f}", value);
  constexpr std::array<std::string_view, 5> kUnits = {"B", "K", "M", "G", "T"};
  std::size_t n = 0;
  for (; value >= 1024 && n + 1 < kUnits.size(); ++n) value /= 1024;
  return fmt::format("{:.{}f}{}", value, n == 0 ? 0 : 1, kUnits[n]);
}

class MetricsFollower final : WsFollower {
 public:
  MetricsFollower(Scope& scope, const AdminArguments& arguments, const Endpoint& endpoint)
      : WsFollower(scope, endpoint,
                   {.follow = {},
                    .socket = {},
                    .path = "/ws/admin?topic=metrics&types=metrics_update",
                    .last_event_id = {}}),
        scope_(scope),
        arguments_(arguments) {}

  using Follower::follow;

 private:
  Ending on_event(const StreamEvent& event) override {
    if (event.type != "metrics_update") return Ending::lost;
    if (arguments_.json) {
      out_ += event.data + '\n';
    } else {
      if (shown_ % kLinesPerTitle == 0) out_ += metrics_title();
      out_ += metrics_line(event.data);
    }
    return ++shown_ == arguments_.count ? Ending::done : Ending::lost;
  }

  Task<std::optional<int>> on_pause() override {
    const Output::Outcome outcome = co_await output_.write(&scope_, out_);
    out_.clear();
    if (outcome == Output::Outcome::written) co_return std::nullopt;
    co_return output_.exit_code(outcome);
  }

  Scope& scope_;
  const AdminArguments& arguments_;
  Output output_;
  std::string out_;
  std::uint64_t shown_ = 0;
};

}  // namespace

std::string metrics_title() {
  std::string line;
  for (const Figure& figure : kFigures) {
    if (!line.empty()) line += "  ";
    line += figure.title;
  }
  return line += '\n';
}

std::string metrics_line(std::string_view metrics) {
  simdjson::dom::parser parser;
  simdjson::dom::element element;
  const bool parsed =
      parser.parse(metrics.data(), metrics.size()).get(element) == simdjson::SUCCESS;
  std::string line;
  for (const Figure& figure : kFigures) {
    double value = 0;
    const bool there = parsed && element[figure.key].get(value) == simdjson::SUCCESS;
    if (!line.empty()) line += "  ";
    line += fmt::format("{:>{}}", there ? text_of(value, figure.unit) : "-", figure.title.size());
  }
  return line += '\n';
}

Task<int> follow_metrics(Scope* scope, const AdminArguments* arguments, const Endpoint* endpoint) {
  MetricsFollower follower(*scope, *arguments, *endpoint);
  co_return co_await follower.follow();
}

}  // namespace ringcast

#include "tools/ringcast/cli_event_output.h"

#include <cstdlib>
#include <limits>

namespace ringcast {

EventOutput::EventOutput(Scope& scope, const SubscribeArguments& arguments)
    : scope_(scope),
      watching_(scope),
      left_(arguments.count > 0 ? arguments.count : std::numeric_limits<std::uint64_t>::max()),
      raw_(arguments.raw) {
  const bool one =
      arguments.topics.size() == 1 && arguments.topics.front().find('*') == std::string::npos;
  print_.format = arguments.json ? PrintFormat::json : PrintFormat::pretty;
  print_.colour =
      arguments.colour == "always" ||
      (arguments.colour == "auto" && output_.terminal() && std::getenv("NO_COLOR") == nullptr);
  if (one) print_.topic = arguments.topics.front();
  print_.show_topic = !one;
}

Task<int> EventOutput::run(Task<int> following) {
  watching_.spawn(output_.watch(&watching_, &scope_));
  const int code = co_await std::move(following);
  watching_.cancel();
  co_await watching_.join();
  co_return code;
}

bool EventOutput::add(const StreamEvent& event) {
  if (event.type == "gap") {
    complain(describe_gap(event));
    return false;
  }
  if (!raw_) append_event(out_, event, print_);
  return --left_ == 0;
}

Task<std::optional<int>> EventOutput::flush() {
  if (out_.empty()) co_return std::nullopt;
  const Output::Outcome outcome = co_await output_.write(&scope_, out_);
  out_.clear();
  if (outcome == Output::Outcome::written) co_return std::nullopt;
  co_return output_.exit_code(outcome);
}

}  // namespace ringcast

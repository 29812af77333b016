#include "tools/ringcast/cli_follower.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kDefaultRetryMs = 3'000;

}  // namespace

std::int64_t Follower::retry_ms() const {
  if (options_.retry_ms) return *options_.retry_ms;
  return std::min(asked_retry_ms().value_or(kDefaultRetryMs), kRetryMsMax);
}

Task<int> Follower::follow() {
  for (;;) {
    retry_after_ms_ = 0;
    const Ending ending = co_await read_stream();
    close();
    if (scope_.cancelled()) co_return kExitOk;  // Ctrl-C, or nobody reads what it writes
    if (ending != Ending::lost) co_return code_;
    const std::int64_t pause_ms = backoff_.next_ms(std::max(retry_ms(), retry_after_ms_));
    if (!co_await scope_.sleep(pause_ms * kNsPerMs)) co_return kExitOk;
  }
}

void Follower::connected() {
  if (std::exchange(lost_, false) && !options_.quiet) complain("Connected again.");
  first_ = false;
}

Ending Follower::lose(std::string_view why) {
  if (scope_.cancelled()) return Ending::done;
  if (first_) return give_up(why);
  if (!std::exchange(lost_, true) && !options_.quiet) {
    const std::string& id = last_id();
    complain(fmt::format("{} Connecting again{}.", why,
                         id.empty() ? std::string() : fmt::format(" to go on after {}", id)));
  }
  return Ending::lost;
}

Ending Follower::refused(const ClientResponse& response, const Error& error) {
  if (first_ || !is_transient(response.status)) return give_up(error.message);
  const std::string_view after = response.find("Retry-After");
  std::int64_t after_s = 0;
  std::from_chars(after.data(), after.data() + after.size(), after_s);
  retry_after_ms_ = std::clamp<std::int64_t>(after_s, 0, kRetryMsMax / 1000) * 1000;
  return lose(error.message);
}

Ending Follower::give_up(std::string_view why) {
  complain(why);
  return end_with(kExitFailed);
}

Ending Follower::end_with(int code) {
  code_ = code;
  return Ending::failed;
}

}  // namespace ringcast

#include "core/event_id.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/check.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostDigits = 19;  // beyond them a number could overflow

std::string base36(std::uint64_t value) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 36).ptr;
  return {digits.data(), end};
}

}  // namespace

EventIds::EventIds(std::string epoch, unsigned homes) : epoch_(std::move(epoch)), homes_(homes) {
  RINGCAST_CHECK(homes_ >= 1 && homes_ <= kMostHomes && epoch_.size() <= 16);
}

std::string EventIds::epoch_at(std::int64_t wall_clock_ms) {
  return base36(static_cast<std::uint64_t>(wall_clock_ms));
}

char* EventIds::write(char* out, std::uint64_t number) const {
  std::memcpy(out, epoch_.data(), epoch_.size());
  out += epoch_.size();
  *out++ = '-';
  return std::to_chars(out, out + kMostDigits + 1, number).ptr;
}

char* EventIds::write(char* out, const Position& position) const {
  std::memcpy(out, epoch_.data(), epoch_.size());
  out += epoch_.size();
  for (unsigned home = 0; home < homes_; ++home) {
    if (position.number[home] == 0) continue;
    *out++ = '-';
    out = std::to_chars(out, out + kMostDigits + 1, position.number[home]).ptr;
  }
  return out;
}

std::string EventIds::text(std::uint64_t number) const {
  std::array<char, kMostIdBytes> buffer;
  return {buffer.data(), write(buffer.data(), number)};
}

std::string EventIds::text(const Position& position) const {
  std::array<char, 16 + kMostHomes*(kMostDigits + 2)> buffer;
  return {buffer.data(), write(buffer.data(), position)};
}

ParsedId EventIds::parse(std::string_view id) const {
  ParsedId parsed;
  parsed.problem = IdProblem::malformed;
  const std::size_t dash = id.find('-');
  if (id.size() > kMostIdBytes || dash == std::string_view::npos || dash == 0) return parsed;
  const auto is_epoch_char = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
  };
  if (!std::ranges::all_of(id.substr(0, dash), is_epoch_char)) return parsed;
  const bool same_epoch = id.substr(0, dash) == epoch_;
  Position position;
  for (std::string_view rest = id.substr(dash); !rest.empty();) {
    rest.remove_prefix(1);
    std::uint64_t number = 0;
    const auto end = std::from_chars(rest.data(), rest.data() + rest.size(), number);
    const auto length = static_cast<std::size_t>(end.ptr - rest.data());
    if (end.ec != std::errc{} || length > kMostDigits) return parsed;
    rest.remove_prefix(length);
    if (!rest.empty() && rest.front() != '-') return parsed;
    std::uint64_t& slot = position.number[home_of(number)];
    // Another epoch may have had another number of homes, so only this one's can repeat itself.
    if (same_epoch && (number < homes_ || slot != 0)) return parsed;
    slot = number;
  }
  parsed.problem = same_epoch ? IdProblem::none : IdProblem::epoch;
  if (same_epoch) parsed.position = position;
  return parsed;
}

}  // namespace ringcast

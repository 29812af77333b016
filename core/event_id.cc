#include "core/event_id.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "core/check.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostDigits = 19;  // beyond them a decimal number could overflow
constexpr std::uint64_t kFirstDense = 10'000'000'000'000;  // from here on base 36 is shorter
// A mark and 13 digits: any number below kFirstDense in decimal, any other in base 36.
constexpr std::size_t kMostNumberBytes = 1 + 13;
static_assert(kMostEpochBytes + kMostHomes * kMostNumberBytes <= kMostIdBytes);

bool is_base36(std::string_view text) {
  return std::ranges::all_of(
      text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); });
}

std::string base36(std::uint64_t value) {
  std::array<char, 16> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 36).ptr;
  return {digits.data(), end};
}

char* write_number(char* out, std::uint64_t number) {
  const bool dense = number >= kFirstDense;
  *out = dense ? '.' : '-';
  return std::to_chars(out + 1, out + kMostNumberBytes, number, dense ? 36 : 10).ptr;
}

// Takes a number and the mark before it from the front of `rest`; false if it is malformed.
bool take_number(std::string_view& rest, std::uint64_t& number) {
  const bool dense = rest.front() == '.';
  rest.remove_prefix(1);
  const std::string_view digits = rest.substr(0, rest.find_first_of("-."));
  rest.remove_prefix(digits.size());
  const char* const end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, number, dense ? 36 : 10);
  if (read.ec != std::errc{} || read.ptr != end) return false;
  if (!dense) return digits.size() <= kMostDigits;
  return number >= kFirstDense && digits.front() != '0' && is_base36(digits);  // no capitals
}

}  // namespace

EventIds::EventIds(std::string epoch, unsigned homes) : epoch_(std::move(epoch)), homes_(homes) {
  RINGCAST_CHECK(homes_ >= 1 && homes_ <= kMostHomes && epoch_.size() <= kMostEpochBytes);
}

std::string EventIds::epoch_at(std::int64_t wall_clock_ms) {
  return base36(static_cast<std::uint64_t>(wall_clock_ms));
}

char* EventIds::write(char* out, std::uint64_t number) const {
  std::memcpy(out, epoch_.data(), epoch_.size());
  return write_number(out + epoch_.size(), number);
}

char* EventIds::write(char* out, const Position& position) const {
  std::memcpy(out, epoch_.data(), epoch_.size());
  out += epoch_.size();
  for (unsigned home = 0; home < homes_; ++home) {
    if (position.number[home] != 0) out = write_number(out, position.number[home]);
  }
  return out;
}

std::string EventIds::text(std::uint64_t number) const {
  std::array<char, kMostIdBytes> buffer;
  return {buffer.data(), write(buffer.data(), number)};
}

std::string EventIds::text(const Position& position) const {
  std::array<char, kMostIdBytes> buffer;
  return {buffer.data(), write(buffer.data(), position)};
}

ParsedId EventIds::parse(std::string_view id) const {
  ParsedId parsed;
  parsed.problem = IdProblem::malformed;
  const std::size_t mark = id.find_first_of("-.");
  if (id.size() > kMostIdBytes || mark == std::string_view::npos || mark == 0) return parsed;
  if (!is_base36(id.substr(0, mark))) return parsed;
  const bool same_epoch = id.substr(0, mark) == epoch_;
  Position position;
  for (std::string_view rest = id.substr(mark); !rest.empty();) {
    std::uint64_t number = 0;
    if (!take_number(rest, number)) return parsed;
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

// Event ids as clients hand them back: judged like a plain reading of the grammar judges them, and
// what is accepted comes back the same from its own text.
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/event_id.h"

namespace ringcast {
namespace {

constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";

// The number that the digits write in the base, if that is one of 64 bits.
std::optional<std::uint64_t> plain_number(std::string_view digits, unsigned base) {
  if (digits.empty()) return std::nullopt;
  unsigned __int128 number = 0;
  for (const char c : digits) {
    const std::size_t digit = kDigits.find(c);
    if (digit >= base) return std::nullopt;
    number = number * base + digit;
    if (number > UINT64_MAX) return std::nullopt;
  }
  return static_cast<std::uint64_t>(number);
}

// epoch 1*number, at most 128 bytes; epoch = 1*(DIGIT / a-z);
// number = "-" 1*19DIGIT / "." (base 36 of 10^13 or more, without leading zeros).
std::optional<std::vector<std::uint64_t>> plain_numbers(std::string_view id, std::string& epoch) {
  if (id.size() > kMostIdBytes) return std::nullopt;
  std::vector<std::string> parts(1);
  for (const char c : id) {
    if (c == '-' || c == '.') parts.emplace_back();
    parts.back() += c;
  }
  epoch = parts[0];
  const bool epoch_good =
      !epoch.empty() && epoch.find_first_not_of(kDigits) == std::string::npos && parts.size() > 1;
  if (!epoch_good) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 1; i < parts.size(); ++i) {
    const std::string_view digits = std::string_view(parts[i]).substr(1);
    const bool dense = parts[i][0] == '.';
    const auto number = plain_number(digits, dense ? 36 : 10);
    if (!number) return std::nullopt;
    if (dense ? *number < 10'000'000'000'000 || digits[0] == '0' : digits.size() > 19) {
      return std::nullopt;
    }
    numbers.push_back(*number);
  }
  return numbers;
}

IdProblem plain_judgement(const EventIds& ids, std::string_view id, Position& position) {
  std::string epoch;
  const auto numbers = plain_numbers(id, epoch);
  if (!numbers) return IdProblem::malformed;
  if (epoch != ids.epoch()) return IdProblem::epoch;
  for (const std::uint64_t number : *numbers) {
    std::uint64_t& at = position.number[number % ids.homes()];
    if (number < ids.homes() || at != 0) return IdProblem::malformed;
    at = number;
  }
  return IdProblem::none;
}

void check(const EventIds& ids, std::string_view id) {
  const ParsedId parsed = ids.parse(id);
  Position expected;
  const IdProblem problem = plain_judgement(ids, id, expected);
  RINGCAST_CHECK(parsed.problem == problem);
  if (problem != IdProblem::none) {
    RINGCAST_CHECK(parsed.position.number == Position{}.number);
    return;
  }
  RINGCAST_CHECK(parsed.position.number == expected.number);
  const std::string again = ids.text(parsed.position);
  RINGCAST_CHECK(again.size() <= id.size());  // leading zeros and long decimals may go
  const ParsedId same = ids.parse(again);
  RINGCAST_CHECK(same.problem == IdProblem::none);
  RINGCAST_CHECK(same.position.number == parsed.position.number);
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  const std::string_view id(reinterpret_cast<const char*>(data), size);
  for (const unsigned homes : {1U, 2U, 8U}) check(EventIds("k3", homes), id);
  return 0;
}

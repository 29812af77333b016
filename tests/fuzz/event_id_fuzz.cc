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

// epoch 1*("-" 1*19DIGIT), epoch = 1*(DIGIT / a-z), all of it at most 128 bytes.
std::optional<std::vector<std::uint64_t>> plain_numbers(std::string_view id, std::string& epoch) {
  if (id.size() > kMostIdBytes) return std::nullopt;
  std::vector<std::string> parts(1);
  for (const char c : id) {
    if (c == '-') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  if (parts.size() < 2) return std::nullopt;
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const std::string_view allowed = i == 0 ? "0123456789abcdefghijklmnopqrstuvwxyz" : "0123456789";
    if (parts[i].empty() || parts[i].find_first_not_of(allowed) != std::string::npos) {
      return std::nullopt;
    }
    if (i == 0) continue;
    if (parts[i].size() > 19) return std::nullopt;
    numbers.push_back(std::stoull(parts[i]));
  }
  epoch = parts[0];
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
  RINGCAST_CHECK(again.size() <= id.size());  // leading zeros may go
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

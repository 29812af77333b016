#include "protocol/mcp/json_number.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>
#include <limits>

namespace ringcast {
namespace {

constexpr double kExactBelow = 0x1p126;

double as_double(const JsonNumber& number) {
  return number.exact ? static_cast<double>(number.integer) : number.real;
}

// A number with a fraction is below 2^53, so that its whole part is exact.
std::strong_ordering compare_exact(__int128 integer, double real) {
  if (std::fabs(real) >= kExactBelow) {
    return real > 0 ? std::strong_ordering::less : std::strong_ordering::greater;
  }
  const auto below = static_cast<__int128>(std::floor(real));
  return integer <= below ? std::strong_ordering::less : std::strong_ordering::greater;
}

}  // namespace

JsonNumber json_number(simdjson::dom::element number) {
  std::int64_t signed_integer = 0;
  if (number.get(signed_integer) == simdjson::SUCCESS) return {.integer = signed_integer};
  std::uint64_t unsigned_integer = 0;
  if (number.get(unsigned_integer) == simdjson::SUCCESS) return {.integer = unsigned_integer};
  double real = 0;
  static_cast<void>(number.get(real));
  if (std::fabs(real) < kExactBelow && real == std::trunc(real)) {
    return {.integer = static_cast<__int128>(real)};
  }
  return {.exact = false, .real = real};
}

bool is_integer(const JsonNumber& number) {
  return number.exact || std::fabs(number.real) >= kExactBelow;
}

std::strong_ordering compare(const JsonNumber& a, const JsonNumber& b) {
  if (a.exact && b.exact) return a.integer <=> b.integer;
  if (a.exact) return compare_exact(a.integer, b.real);
  if (b.exact) return 0 <=> compare_exact(b.integer, a.real);
  if (a.real == b.real) return std::strong_ordering::equal;
  return a.real < b.real ? std::strong_ordering::less : std::strong_ordering::greater;
}

bool is_multiple(const JsonNumber& number, const JsonNumber& divisor) {
  if (number.exact && divisor.exact) return number.integer % divisor.integer == 0;
  const double value = as_double(number);
  const double unit = as_double(divisor);
  const double quotient = value / unit;
  if (!std::isfinite(quotient)) return std::fmod(value, unit) == 0;
  // Both operands are off by half a unit in the last place at most, and so is the quotient.
  const double error = 2 * std::numeric_limits<double>::epsilon() * std::fabs(quotient);
  return std::fabs(quotient - std::nearbyint(quotient)) <= error;
}

std::string number_text(const JsonNumber& number) {
  const bool small = number.exact && number.integer >= INT64_MIN && number.integer <= INT64_MAX;
  if (small) return std::to_string(static_cast<std::int64_t>(number.integer));
  return fmt::format("{}", as_double(number));
}

}  // namespace ringcast

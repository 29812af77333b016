#include "net/http_date.h"

#include <algorithm>
#include <chrono>
#include <cstring>

namespace ringcast {
namespace {

constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
constexpr std::int64_t kSecondMax = 253402300799;  // 9999-12-31T23:59:59Z

void put_two(char* at, unsigned value) {
  at[0] = static_cast<char>('0' + value / 10 % 10);
  at[1] = static_cast<char>('0' + value % 10);
}

}  // namespace

void format_http_date(std::int64_t unix_seconds, std::span<char, kHttpDateBytes> out) {
  const std::int64_t clamped = std::clamp<std::int64_t>(unix_seconds, 0, kSecondMax);
  const auto second = static_cast<unsigned>(clamped % 86400);
  const std::chrono::sys_days day{std::chrono::days{clamped / 86400}};
  const std::chrono::year_month_day date{day};
  const std::size_t weekday = std::chrono::weekday{day}.c_encoding();
  const std::size_t month = static_cast<unsigned>(date.month()) - 1;
  const auto year = static_cast<unsigned>(static_cast<int>(date.year()));

  std::memcpy(out.data(), "ddd, dd mmm yyyy hh:mm:ss GMT", kHttpDateBytes);
  std::memcpy(&out[0], kDays.data() + weekday * 3, 3);
  put_two(&out[5], static_cast<unsigned>(date.day()));
  std::memcpy(&out[8], kMonths.data() + month * 3, 3);
  put_two(&out[12], year / 100);
  put_two(&out[14], year % 100);
  put_two(&out[17], second / 3600);
  put_two(&out[20], second / 60 % 60);
  put_two(&out[23], second % 60);
}

}  // namespace ringcast

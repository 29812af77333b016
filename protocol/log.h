// Structured log: one line per event, on standard error.
//
//   log_info("listening", {{"address", address}, {"cores", cores}});
//   {"time":"2026-03-01T12:00:00.123Z","level":"info","msg":"listening","address":"…","cores":2}
//
// Lines are JSON (RFC 8259) for machines or text for a terminal. Strings are escaped and always
// valid UTF-8; bytes that are not become U+FFFD. Times are UTC with milliseconds.
//
// Never a secret: the value of a key that names one (token, authorization, password, key, cookie,
// secret, …), also as NAME=VALUE, every query string and every bearer token, in values as in
// messages, is replaced.
//
// A message that comes more often than `max_repeats_per_s` is counted instead of written; the count
// follows in one line with the field `suppressed` when its second is over.
//
// All functions may be called from any thread. A level that is off costs one relaxed load.
#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string_view>
#include <variant>

namespace ringcast {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarn, kError, kOff };
enum class LogFormat : uint8_t { kJson, kText };

using LogValue = std::variant<std::string_view, int64_t, uint64_t, double, bool>;

// A key and a value; both are only read during the call.
struct LogField {
  LogField(std::string_view name, std::string_view text) : key(name), value(text) {}
  LogField(std::string_view name, const char* text) : key(name), value(std::string_view(text)) {}
  LogField(std::string_view name, bool flag) : key(name), value(flag) {}
  template <std::signed_integral T>
  LogField(std::string_view name, T number) : key(name), value(static_cast<int64_t>(number)) {}
  template <std::unsigned_integral T>
    requires(!std::same_as<T, bool>)
  LogField(std::string_view name, T number) : key(name), value(static_cast<uint64_t>(number)) {}
  template <std::floating_point T>
  LogField(std::string_view name, T number) : key(name), value(static_cast<double>(number)) {}

  std::string_view key;
  LogValue value;
};

using LogFields = std::initializer_list<LogField>;

struct LogOptions {
  LogLevel level = LogLevel::kInfo;
  LogFormat format = LogFormat::kJson;
  uint32_t max_repeats_per_s = 20;  // 0 = unlimited
};

// Also the way to switch level and format at run time.
void log_configure(const LogOptions& options);

// Sends lines (without the line end) to `writer` instead of standard error; an empty one goes back.
// The writer is called with the log's lock held and must not log.
void log_redirect(std::function<void(std::string_view line)> writer);

bool log_enabled(LogLevel level);
void log(LogLevel level, std::string_view message, LogFields fields = {});

inline void log_debug(std::string_view message, LogFields fields = {}) {
  log(LogLevel::kDebug, message, fields);
}
inline void log_info(std::string_view message, LogFields fields = {}) {
  log(LogLevel::kInfo, message, fields);
}
inline void log_warn(std::string_view message, LogFields fields = {}) {
  log(LogLevel::kWarn, message, fields);
}
inline void log_error(std::string_view message, LogFields fields = {}) {
  log(LogLevel::kError, message, fields);
}

// Writes the counts of suppressed messages whose second is over (all of them with `all`). Every
// line does this too; a server calls it now and then so that a count does not wait for the next
// line.
void log_flush_repeats(bool all = false);

}  // namespace ringcast

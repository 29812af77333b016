#include "protocol/log.h"

#include <fmt/format.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include "core/utf8.h"

namespace ringcast {
namespace {

using Line = fmt::memory_buffer;

constexpr std::array<std::string_view, 5> kLevelNames = {"debug", "info", "warn", "error", "off"};
constexpr std::string_view kRedacted = "[redacted]";
constexpr std::string_view kSecretEnds = " \t\r\n\"'<>)";
constexpr int64_t kWindowMs = 1000;

void append(Line& out, std::string_view text) {
  out.append(text.data(), text.data() + text.size());
}

void append_escaped(Line& out, std::string_view text) {
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    size_t length = 1;
    if (c == '"' || c == '\\') {
      out.push_back('\\');
      out.push_back(static_cast<char>(c));
    } else if (c == '\n') {
      append(out, "\\n");
    } else if (c == '\r') {
      append(out, "\\r");
    } else if (c == '\t') {
      append(out, "\\t");
    } else if (c < 0x20 || c == 0x7f) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    } else if (const size_t valid = utf8_length(text); valid == 0) {
      append(out, "\xef\xbf\xbd");
    } else {
      length = valid;
      append(out, text.substr(0, length));
    }
    text.remove_prefix(length);
  }
}

bool equals_folded(std::string_view a, std::string_view lower) {
  return a.size() == lower.size() &&
         std::equal(a.begin(), a.end(), lower.begin(),
                    [](char x, char y) { return (x >= 'A' && x <= 'Z' ? x - 'A' + 'a' : x) == y; });
}

bool names_secret(std::string_view key) {
  static constexpr std::array<std::string_view, 8> kSecrets = {
      "token", "authorization", "password", "key", "cookie", "secret", "query", "credential"};
  // `api_key` and `X-Access-Token` are as secret as their last word.
  const size_t cut = key.find_last_of("_-.");
  const std::string_view last = cut == std::string_view::npos ? key : key.substr(cut + 1);
  return std::ranges::any_of(kSecrets, [&](auto secret) { return equals_folded(last, secret); });
}

// The word that ends at `end`: a parameter's name, or what follows %3F or %26.
std::string_view name_before(std::string_view text, size_t end) {
  size_t begin = end;
  const auto in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  };
  while (begin > 0 && in_name(text[begin - 1])) --begin;
  if (begin > 0 && text[begin - 1] == '%') begin = std::min(begin + 2, end);
  return text.substr(begin, end - begin);
}

// Where a secret begins if `text` has at `i` what leads to one, else npos.
size_t secret_behind(std::string_view text, size_t i) {
  static constexpr std::string_view kBearer = "bearer ";
  const size_t equals = text[i] == '=' ? 1 : equals_folded(text.substr(i, 3), "%3d") ? 3 : 0;
  if (equals != 0) return names_secret(name_before(text, i)) ? i + equals : std::string_view::npos;
  if (text[i] == '?' && i + 1 < text.size()) {
    const size_t end = std::min(text.find_first_of(kSecretEnds, i), text.size());
    if (text.substr(i, end - i).find('=') != std::string_view::npos) return i + 1;
  } else if (equals_folded(text.substr(i, kBearer.size()), kBearer)) {
    return i + kBearer.size();
  }
  return std::string_view::npos;
}

// Escapes `text` without its query strings, values of secrets' names and bearer tokens.
void append_redacted(Line& out, std::string_view text) {
  size_t written = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const size_t secret = secret_behind(text, i);
    if (secret == std::string_view::npos || secret >= text.size()) continue;
    append_escaped(out, text.substr(written, secret - written));
    append(out, kRedacted);
    written = std::min(text.find_first_of(kSecretEnds, secret), text.size());
    i = written - 1;
  }
  append_escaped(out, text.substr(written));
}

void append_value(Line& out, const LogField& field, LogFormat format) {
  auto to = std::back_inserter(out);
  if (const auto* text = std::get_if<std::string_view>(&field.value)) {
    const bool quoted = format == LogFormat::kJson || text->empty() ||
                        text->find_first_of(" \t\r\n\"=\\") != std::string_view::npos;
    if (quoted) out.push_back('"');
    if (names_secret(field.key)) {
      append(out, kRedacted);
    } else {
      append_redacted(out, *text);
    }
    if (quoted) out.push_back('"');
  } else if (names_secret(field.key)) {
    append(out, format == LogFormat::kJson ? "\"[redacted]\"" : kRedacted);
  } else if (const auto* real = std::get_if<double>(&field.value)) {
    // JSON has neither infinity nor NaN.
    if (std::isfinite(*real)) {
      fmt::format_to(to, "{}", *real);
    } else {
      append(out, "null");
    }
  } else if (const auto* flag = std::get_if<bool>(&field.value)) {
    append(out, *flag ? "true" : "false");
  } else if (const auto* number = std::get_if<int64_t>(&field.value)) {
    fmt::format_to(to, "{}", *number);
  } else {
    fmt::format_to(to, "{}", std::get<uint64_t>(field.value));
  }
}

void append_time(Line& out, const timespec& now) {
  tm utc{};
  gmtime_r(&now.tv_sec, &utc);
  fmt::format_to(std::back_inserter(out), "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
                 utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min,
                 utc.tm_sec, now.tv_nsec / 1'000'000);
}

void append_line(Line& out, LogFormat format, LogLevel level, std::string_view message,
                 LogFields fields) {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  const std::string_view level_name = kLevelNames[static_cast<size_t>(level)];
  if (format == LogFormat::kJson) {
    append(out, "{\"time\":\"");
    append_time(out, now);
    append(out, "\",\"level\":\"");
    append(out, level_name);
    append(out, "\",\"msg\":\"");
    append_redacted(out, message);
    out.push_back('"');
    for (const LogField& field : fields) {
      append(out, ",\"");
      append_escaped(out, field.key);
      append(out, "\":");
      append_value(out, field, format);
    }
    out.push_back('}');
    return;
  }
  append_time(out, now);
  fmt::format_to(std::back_inserter(out), " {:<5} ", level_name);
  append_redacted(out, message);
  for (const LogField& field : fields) {
    out.push_back(' ');
    append_escaped(out, field.key);
    out.push_back('=');
    append_value(out, field, format);
  }
}

// Hands each line to a function; the logger's own lock is not needed, State has one.
class FunctionSink final : public spdlog::sinks::base_sink<spdlog::details::null_mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> writer)
      : writer_(std::move(writer)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    writer_(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

  std::function<void(std::string_view)> writer_;
};

// How often one message came in the second that began at `window_ms`.
struct Repeat {
  std::string message;
  LogLevel level = LogLevel::kInfo;
  int64_t window_ms = 0;
  uint64_t written = 0;
  uint64_t suppressed = 0;
};

class State {
 public:
  State() { redirect({}); }

  void configure(const LogOptions& options) {
    const std::lock_guard lock(mutex_);
    options_ = options;
    level_.store(options.level, std::memory_order_relaxed);
  }

  void redirect(std::function<void(std::string_view)> writer) {
    const std::lock_guard lock(mutex_);
    spdlog::sink_ptr sink;
    if (writer) {
      sink = std::make_shared<FunctionSink>(std::move(writer));
    } else {
      sink = std::make_shared<spdlog::sinks::stderr_sink_st>();
    }
    logger_ = std::make_unique<spdlog::logger>("ringcast", std::move(sink));
    logger_->set_level(spdlog::level::trace);
    logger_->set_formatter(
        std::make_unique<spdlog::pattern_formatter>("%v", spdlog::pattern_time_type::utc));
    logger_->flush_on(spdlog::level::trace);
  }

  bool enabled(LogLevel level) const {
    return level >= level_.load(std::memory_order_relaxed) && level != LogLevel::kOff;
  }

  void write(LogLevel level, std::string_view message, LogFields fields) {
    const std::lock_guard lock(mutex_);
    flush_repeats(now_ms(), false);
    if (admit(level, message)) emit(level, message, fields);
  }

  void flush(bool all) {
    const std::lock_guard lock(mutex_);
    flush_repeats(now_ms(), all);
  }

 private:
  static int64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
  }

  void emit(LogLevel level, std::string_view message, LogFields fields) {
    line_.clear();
    append_line(line_, options_.format, level, message, fields);
    logger_->log(spdlog::level::info, spdlog::string_view_t(line_.data(), line_.size()));
  }

  bool admit(LogLevel level, std::string_view message) {
    if (options_.max_repeats_per_s == 0) return true;
    const int64_t now = now_ms();
    Repeat* slot = nullptr;
    for (Repeat& repeat : repeats_) {
      if (repeat.message == message && repeat.level == level) {
        slot = &repeat;
        break;
      }
      // Unless the message is known, the slot that was begun longest ago with nothing to report.
      if (repeat.suppressed == 0 && (slot == nullptr || repeat.window_ms < slot->window_ms)) {
        slot = &repeat;
      }
    }
    if (slot == nullptr) return true;
    if (slot->message != message || slot->level != level || now - slot->window_ms >= kWindowMs) {
      slot->message.assign(message);
      slot->level = level;
      slot->window_ms = now;
      slot->written = 0;
    }
    if (slot->written < options_.max_repeats_per_s) {
      ++slot->written;
      return true;
    }
    if (slot->suppressed++ == 0) ++pending_;
    return false;
  }

  void flush_repeats(int64_t now, bool all) {
    if (pending_ == 0) return;
    for (Repeat& repeat : repeats_) {
      if (repeat.suppressed == 0 || (!all && now - repeat.window_ms < kWindowMs)) continue;
      const uint64_t suppressed = std::exchange(repeat.suppressed, 0);
      --pending_;
      emit(repeat.level, repeat.message, {{"suppressed", suppressed}});
    }
  }

  std::mutex mutex_;
  std::atomic<LogLevel> level_{LogLevel::kInfo};
  LogOptions options_;
  std::unique_ptr<spdlog::logger> logger_;
  Line line_;
  std::array<Repeat, 64> repeats_;
  size_t pending_ = 0;  // repeats with something suppressed
};

// Never destroyed: threads may still log while the program ends.
State& state() {
  static State& instance = *new State;
  return instance;
}

}  // namespace

void log_configure(const LogOptions& options) { state().configure(options); }

void log_redirect(std::function<void(std::string_view)> writer) {
  state().redirect(std::move(writer));
}

bool log_enabled(LogLevel level) { return state().enabled(level); }

void log(LogLevel level, std::string_view message, LogFields fields) {
  if (state().enabled(level)) state().write(level, message, fields);
}

void log_flush_repeats(bool all) { state().flush(all); }

}  // namespace ringcast

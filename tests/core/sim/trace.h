// What happened in a run: a hash of everything, and the text of it when somebody wants to read it.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace ringcast::sim {

class Trace {
 public:
  explicit Trace(bool verbose) : verbose_(verbose) {}

  void note(std::int64_t now_ns, std::string_view what, std::int64_t a = 0, std::int64_t b = 0,
            std::int64_t c = 0) {
    mix(static_cast<std::uint64_t>(now_ns));
    for (const char letter : what) mix(static_cast<unsigned char>(letter));
    mix(static_cast<std::uint64_t>(a));
    mix(static_cast<std::uint64_t>(b));
    mix(static_cast<std::uint64_t>(c));
    if (verbose_) {
      fmt::print("{:12.6f} ms {:<24} {} {} {}\n", static_cast<double>(now_ns) / 1e6, what, a, b, c);
    }
  }
  void text(std::int64_t now_ns, std::string_view words) {
    for (const char letter : words) mix(static_cast<unsigned char>(letter));
    if (verbose_) fmt::print("{:12.6f} ms {}\n", static_cast<double>(now_ns) / 1e6, words);
  }
  bool verbose() const { return verbose_; }
  std::uint64_t hash() const { return hash_; }

  // Keeps the first failure of the run.
  void fail(std::string message) {
    if (failure_.empty()) failure_ = std::move(message);
  }
  const std::string& failure() const { return failure_; }

 private:
  void mix(std::uint64_t value) { hash_ = (hash_ ^ value) * 0x100000001b3 + (hash_ >> 47); }

  bool verbose_;
  std::uint64_t hash_ = 0xcbf29ce484222325;
  std::string failure_;
};

}  // namespace ringcast::sim

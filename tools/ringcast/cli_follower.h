// Follows something over connections that break: connects again, after as long as the server asks
// and longer after each failure, until it is done, refused or interrupted. What is wrong with the
// first connection ends it at once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "tools/ringcast/cli_client.h"

namespace ringcast {

inline constexpr std::int64_t kRetryMsMax = 3'600'000;

enum class Ending : std::uint8_t {
  lost,  // to be tried again
  done,
  failed,
};

struct FollowOptions {
  std::optional<std::int64_t> retry_ms;  // instead of what the server asks for
  bool quiet = false;                    // says nothing about lost connections
};

class Follower {
 public:
  // An exit code.
  Task<int> follow();

 protected:
  Follower(Scope& scope, const FollowOptions& options) : scope_(scope), options_(options) {}
  ~Follower() = default;

  // One connection, from opening it to its end.
  virtual Task<Ending> read_stream() = 0;
  virtual void close() = 0;
  virtual const std::string& last_id() const = 0;  // empty: none yet
  // What the server asked for, ms; nothing if it did not.
  virtual std::optional<std::int64_t> asked_retry_ms() const = 0;

  // The connection stands.
  void connected();
  // It broke, or none came to be. Says once for each outage what happened.
  Ending lose(std::string_view why);
  // The server said no. A server that was there before and is only not well is tried again.
  Ending refused(const ClientResponse& response, const Error& error);
  // What would come again the next time.
  Ending give_up(std::string_view why);
  Ending end_with(int code);

  Scope& scope() { return scope_; }
  Backoff& backoff() { return backoff_; }

 private:
  std::int64_t retry_ms() const;

  Scope& scope_;
  FollowOptions options_;
  Backoff backoff_;
  std::int64_t retry_after_ms_ = 0;  // from Retry-After, for the next attempt
  int code_ = kExitOk;
  bool first_ = true;
  bool lost_ = false;
};

}  // namespace ringcast

// The ways in which `ringcast subscribe` gets its events.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tools/ringcast/cli_client.h"

namespace ringcast {

struct SubscribeArguments {
  ClientOptions client;
  std::vector<std::string> topics;
  std::string types;
  std::string from;
  std::string last_event_id;
  std::string colour = "auto";
  bool websocket = false;
  bool compress = false;
  bool json = false;
  bool raw = false;
  bool quiet = false;
  std::uint64_t count = 0;  // 0: all
  std::optional<std::int64_t> retry_ms;
  double silence_s = 60;

  std::int64_t silence_ms() const { return static_cast<std::int64_t>(silence_s * 1000); }
};

// `?topic=…&topic=…&types=…&from=…`
std::string stream_query(const SubscribeArguments& arguments);

// Over server-sent events, or over WebSocket; an exit code.
Task<int> subscribe_events(Scope* scope, const SubscribeArguments* arguments,
                           const Endpoint* endpoint);
Task<int> subscribe_websocket(Scope* scope, const SubscribeArguments* arguments,
                              const Endpoint* endpoint);

}  // namespace ringcast

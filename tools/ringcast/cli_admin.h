// The ways of `ringcast admin`.
#pragma once

#include <cstdint>
#include <string>

#include "tools/ringcast/cli_client.h"

namespace ringcast {

struct AdminArguments {
  ClientOptions client;
  std::string action;
  std::string id;
  std::uint64_t count = 0;  // of metrics; 0: all
  bool json = false;
};

// The server's own figures as it publishes them, a line each; an exit code.
Task<int> follow_metrics(Scope* scope, const AdminArguments* arguments, const Endpoint* endpoint);

// One of them as a line of a table; `metrics` is the data of an event `metrics_update`.
std::string metrics_title();
std::string metrics_line(std::string_view metrics);

}  // namespace ringcast

// The ways in which `ringcast publish` sends lines.
#pragma once

#include <cstdint>
#include <string>

#include "tools/ringcast/cli_client.h"

namespace ringcast {

struct PublishArguments {
  ClientOptions client;
  std::string topic;
  std::string data;
  std::string event;
  std::string id;
  std::string file;
  bool exact = false;
  bool quiet = false;
};

struct Published {
  std::uint64_t count = 0;
  std::uint64_t unknown = 0;  // sent, but the connection was lost before the answer
  std::string last_id;        // empty: none
};

// Standard input as one endless request (`stream=lines`), a new one whenever the connection was
// lost. A line that was on its way then may be lost; none is sent twice.
Task<int> publish_stream(Scope* scope, const PublishArguments* arguments, const Endpoint* endpoint);

// Standard input in batches, each sent again until it is answered, under ids that make the server
// take each line once.
Task<int> publish_exact(Scope* scope, const PublishArguments* arguments, const Endpoint* endpoint);

// The last id on standard output, the count on standard error.
void report_published(const PublishArguments& arguments, const Published& published);

// Cancels `io` a while after `interrupted`, so that what was read can still be sent. For
// io.spawn(): ends once both are cancelled.
Task<void> cancel_later(Scope* interrupted, Scope* io);

}  // namespace ringcast

// A `tools/call` request of MCP as it goes out, written once: only its id and the front of the
// tool's text, a stamp, are put in anew for each call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/options.h"
#include "tools/ringload/stamp.h"

namespace ringcast::load {

// The JSON-RPC message, and where what changes stands in it.
struct CallMessage {
  std::string text;
  std::size_t id_at = 0;
  std::size_t argument_at = 0;  // options.size bytes, the stamp first
};

CallMessage call_message(const Options& options);

class McpCall {
 public:
  // All ids have ten digits, so that all requests, and all answers, are of one length.
  static constexpr std::size_t kIdBytes = 10;
  static constexpr std::uint64_t kFirstId = 1'000'000'000;

  // `head`: what goes out in front of the message.
  McpCall(const CallMessage& message, std::string_view head, std::size_t argument_bytes);

  // What goes out, good until the next call. `number`: of the calls of a run, from 0.
  std::string_view with(std::uint64_t number, const StampCodec& codec, const Stamp& stamp);

  // Of the latest with(): what the answer must have.
  std::string_view id() const { return std::string_view(bytes_).substr(id_at_, kIdBytes); }
  std::string_view argument() const {
    return std::string_view(bytes_).substr(argument_at_, argument_bytes_);
  }

 private:
  std::string bytes_;
  std::size_t id_at_;
  std::size_t argument_at_;
  std::size_t argument_bytes_;
};

}  // namespace ringcast::load

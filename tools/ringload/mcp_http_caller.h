// A caller over Streamable HTTP: each call is a POST on a keep-alive connection. In the legacy era
// it opens its sessions first, and uses one after the other.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringload/answer_pattern.h"
#include "tools/ringload/mcp_call.h"
#include "tools/ringload/mcp_caller.h"
#include "tools/ringload/mcp_connection.h"

namespace ringcast::load {

class McpHttpCaller final : public McpCaller, public McpConnection {
 public:
  McpHttpCaller(const Shared& shared, std::uint32_t index, std::size_t ring);

  void start(const SocketOptions& socket) override { dial(socket); }
  bool free() const override { return calls_.size() == wanted_ && is_idle(); }
  void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) override;

 private:
  void on_open() override;
  void on_session(const McpSession& session) override;
  bool on_expected(std::string_view bytes) override;
  void on_answer(const ResponseReader& response, std::string_view bytes) override;
  void on_idle() override {
    if (free()) owner().on_free(*this);
  }
  void on_ended(std::string message) override { fail(std::move(message)); }

  void add_call(const McpSession& session);
  McpOutcome judge(const ResponseReader& response);
  McpOutcome judge_raw(const ResponseReader& response);

  std::size_t wanted_;          // as many calls as there are sessions, or one
  std::vector<McpCall> calls_;  // one for each session
  std::size_t current_ = 0;
  AnswerPattern pattern_;
};

}  // namespace ringcast::load

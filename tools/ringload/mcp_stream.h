// A session of the legacy era that does nothing but hold its stream open (GET).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tools/ringload/mcp_connection.h"

namespace ringcast::load {

// What becomes of streams.
struct McpStreamCounts {
  std::size_t ready = 0;
  std::size_t failed = 0;  // before they were ready
  std::size_t lost = 0;    // afterwards
  std::string first_error;
};

class McpStream final : public McpConnection {
 public:
  // All references must outlive it.
  McpStream(Loop& loop, std::size_t ring, const Options& options, const Address& address,
            Arrivals& arrivals, McpStreamCounts& counts)
      : McpConnection(loop, ring, options, address, arrivals), options_(options), counts_(counts) {}

  void start(const SocketOptions& socket) { dial(socket); }

 private:
  void on_open() override { open_session(); }
  void on_session(const McpSession& session) override;
  void on_answer(const ResponseReader& response, std::string_view bytes) override;
  void on_part(const ResponseReader& response) override;
  void on_ended(std::string message) override;

  const Options& options_;
  McpStreamCounts& counts_;
  std::string request_;
  bool ready_ = false;
};

}  // namespace ringcast::load

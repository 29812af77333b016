// A client's keep-alive connection to an MCP server over HTTP: one request at a time, and sessions
// opened where there are any.
//
// Lifecycle: dial() → on_open() → open_session() → on_session()…, ask() → on_answer()… →
// on_ended(). If the server closes the connection between two requests, it connects again and
// on_open() is called again. After on_answer() of an answer that says so, too.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/arrivals.h"
#include "tools/ringload/connection.h"
#include "tools/ringload/mcp_answer.h"
#include "tools/ringload/mcp_requests.h"
#include "tools/ringload/options.h"
#include "tools/ringload/response_reader.h"

namespace ringcast::load {

class McpConnection : public Connection {
 public:
  // All references must outlive it.
  McpConnection(Loop& loop, std::size_t ring, const Options& options, const Address& address,
                Arrivals& arrivals);

 protected:
  void dial(const SocketOptions& socket) {
    socket_ = socket;
    open(address_, socket_);
  }
  // `request` must stay until it is answered.
  void ask(std::string_view request);
  // initialize, and that it is done; on_session() follows. Only while nothing else is asked.
  void open_session();
  // Closes the connection; on_ended() is called with the message.
  void end(std::string message);

  // Whether ask() would send at once.
  bool is_idle() const { return connected_ && !sending_ && !waiting_; }
  bool is_waiting() const { return waiting_; }
  bool has_ended() const { return ended_; }
  McpAnswer& answer() { return answer_; }

 private:
  enum class Opening : std::uint8_t { nothing, initialize, initialized };

  virtual void on_open() = 0;
  virtual void on_session(const McpSession&) {}
  // A whole answer in one piece; true if it was taken as one that was expected.
  virtual bool on_expected(std::string_view) { return false; }
  // A whole answer. `bytes`: as it came, if in one piece, else empty.
  virtual void on_answer(const ResponseReader& response, std::string_view bytes) = 0;
  // More of an answer has come, its head at least.
  virtual void on_part(const ResponseReader&) {}
  // After any of these, and as soon as ask() would send at once.
  virtual void on_idle() {}
  virtual void on_ended(std::string message) = 0;

  void on_connected() final;
  void on_sent() final;
  void on_bytes(std::string_view bytes) final;
  void on_end(int error, std::string_view where) final;

  void send_deferred();
  void read(std::string_view bytes);
  void take(std::string_view bytes);
  void take_initialize();
  void take_initialized();
  void reconnect();

  static constexpr int kFruitlessMax = 3;

  const Options& options_;
  const Address& address_;
  Arrivals& arrivals_;
  SocketOptions socket_;
  ResponseReader reader_;
  McpAnswer answer_;
  McpSession session_;      // that is being opened
  std::string text_;        // the request for it
  std::string_view asked_;  // the request under way
  Opening opening_ = Opening::nothing;
  int fruitless_ = 0;  // connects since the last answer
  bool connected_ = false;
  bool sending_ = false;
  bool waiting_ = false;   // for an answer
  bool deferred_ = false;  // the request is to be sent as soon as that is possible
  bool ended_ = false;
};

}  // namespace ringcast::load

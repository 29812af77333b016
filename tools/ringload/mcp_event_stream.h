// The stream of a session over HTTP with SSE (revision 2024-11-05): GET, then events for as long as
// the session lasts.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "tools/ringload/arrivals.h"
#include "tools/ringload/chunked_decoder.h"
#include "tools/ringload/connection.h"

namespace ringcast::load {

class McpEventStream final : public Connection {
 public:
  static constexpr std::size_t kEventBytesMax = std::size_t{16} << 20;

  // Called with the type of each event that has data.
  using OnEvent = std::function<void(std::string_view type, std::string_view data)>;
  using OnEnded = std::function<void(std::string message)>;

  McpEventStream(Loop& loop, std::size_t ring, Arrivals& arrivals, OnEvent on_event,
                 OnEnded on_ended)
      : Connection(loop, ring),
        arrivals_(arrivals),
        on_event_(std::move(on_event)),
        on_ended_(std::move(on_ended)) {}

  // `request`: the whole GET. Once.
  void start(const Address& to, const SocketOptions& socket, std::string request);
  // Closes the connection; on_ended is not called any more.
  void stop();

 private:
  void on_connected() override { send(text_); }
  void on_sent() override;
  void on_bytes(std::string_view bytes) override;
  void on_end(int error, std::string_view where) override;

  void read_head(std::string_view bytes);
  void read_body(std::string_view bytes);
  void read_events();
  void read_event(std::string_view block);
  void end(std::string message);

  Arrivals& arrivals_;
  OnEvent on_event_;
  OnEnded on_ended_;
  ChunkedDecoder chunks_;
  std::string text_;    // the request, then the response's head
  std::string events_;  // what has come of the next ones
  std::string data_;
  bool streaming_ = false;
  bool chunked_ = false;
  bool ended_ = false;
};

}  // namespace ringcast::load

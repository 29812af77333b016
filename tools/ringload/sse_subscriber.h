// A subscriber over server-sent events: asks for its topic with a GET request and reads the stream.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/chunked_decoder.h"
#include "tools/ringload/connection.h"
#include "tools/ringload/sse_stream.h"
#include "tools/ringload/subscriber.h"

namespace ringcast::load {

class SseSubscriber final : public Subscriber, public Connection {
 public:
  enum class Phase : std::uint8_t { connecting, asking, streaming, silent, ended };

  SseSubscriber(Fleet& fleet, Loop& loop, std::size_t ring, std::uint32_t topic, bool slow)
      : Subscriber(fleet, topic, slow), Connection(loop, ring) {}

  void start(const Address& to, const SocketOptions& options) override { open(to, options); }

 private:
  friend class SseStream;

  void on_connected() override;
  void on_sent() override;
  void on_bytes(std::string_view bytes) override;
  void on_end(int error, std::string_view where) override;

  void read_head(std::string_view bytes);
  bool read_body(std::string_view bytes);
  void refuse(std::string message);

  void on_stamp(const Stamp& stamp) { take_stamp(stamp); }
  void on_gap() { take_gap(); }
  void on_foreign() { take_foreign(); }

  SseStream stream_;
  ChunkedDecoder chunks_;
  std::string text_;  // the request, then the response's head
  Phase phase_ = Phase::connecting;
  bool chunked_ = false;
};

}  // namespace ringcast::load

// One publisher over HTTP: a keep-alive connection on which each event is a request.
//
// A request that is answered 429 or 503 is sent again a little later; any other answer but 2xx ends
// the publisher, since what follows would be refused too. If the server closes the connection
// between requests, it connects again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/connection.h"
#include "tools/ringload/publisher.h"
#include "tools/ringload/response_reader.h"

namespace ringcast::load {

class HttpPublisher final : public Publisher, public Connection {
 public:
  HttpPublisher(PublisherOwner& owner, Loop& loop, std::size_t ring, const Options& options,
                const Address& address, std::uint32_t index)
      : Publisher(owner, options, index), Connection(loop, ring), address_(address) {}

  void start(const SocketOptions& socket) override {
    socket_ = socket;
    open(address_, socket);
  }
  bool free() const override {
    return connected_ && !sending_ && sent_at_.size() < options().pipeline;
  }
  void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) override;
  void retry() override;

 private:
  void on_connected() override;
  void on_sent() override;
  void on_bytes(std::string_view bytes) override;
  void on_end(int error, std::string_view where) override;

  void render(std::string_view topic, std::string_view payload);
  void send_request();
  void on_response();
  void reconnect();
  void fail_with(std::string message);

  const Address& address_;
  SocketOptions socket_;
  bool connected_ = false;
  bool sending_ = false;
  bool failed_ = false;
  bool refused_ = false;
  std::string request_;
  // The next event of the same topic differs in its stamp only, if that is in there once.
  const char* rendered_topic_ = nullptr;
  std::size_t stamp_at_ = std::string::npos;
  ResponseReader reader_;
};

}  // namespace ringcast::load

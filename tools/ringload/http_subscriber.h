// A subscriber whose events are the body of a response without end: asks with a GET request, checks
// the head of the answer, and strips chunks where there are any. What the content is made of is up
// to the transport.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/chunked_decoder.h"
#include "tools/ringload/connection.h"
#include "tools/ringload/response_reader.h"
#include "tools/ringload/subscriber.h"
#include "tools/ringload/target.h"

namespace ringcast::load {

class HttpSubscriber : public Subscriber, public Connection {
 public:
  HttpSubscriber(Fleet& fleet, Loop& loop, std::size_t ring, std::uint32_t topic, bool slow)
      : Subscriber(fleet, topic, slow), Connection(loop, ring) {}

  void start(const Address& to, const SocketOptions& options) override;
  void leave() override { abandon(); }

 protected:
  // Appends the request.
  virtual void ask(const TemplateValues& values, std::string& out) const = 0;
  // Why a 200 is not the stream that was asked for; empty: it is.
  virtual std::string objection(const ResponseHead& head) const = 0;
  // Another response begins.
  virtual void restart_content() = 0;
  // Takes what has come of the content. False if nothing more can be read.
  virtual bool take_content(std::string_view content) = 0;

 private:
  enum class Phase : std::uint8_t { connecting, asking, streaming, silent, ended };

  void on_connected() override;
  void on_sent() override;
  void on_bytes(std::string_view bytes) override;
  void on_end(int error, std::string_view where) override;
  void on_abandoned() override { left(); }

  void read_head(std::string_view bytes);
  bool read_body(std::string_view bytes);
  void refuse(std::string message);

  ChunkedDecoder chunks_;
  std::string text_;  // the request, then the response's head
  Phase phase_ = Phase::connecting;
  bool chunked_ = false;
};

}  // namespace ringcast::load

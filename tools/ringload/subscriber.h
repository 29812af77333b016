// One SSE subscriber: connects, asks for its topic, checks what comes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/arrivals.h"
#include "tools/ringload/chunked_decoder.h"
#include "tools/ringload/connection.h"
#include "tools/ringload/sequence_checker.h"
#include "tools/ringload/sse_stream.h"

namespace ringcast::load {

class Fleet;

class Subscriber final : public Connection {
 public:
  enum class Phase : std::uint8_t { connecting, asking, streaming, silent, ended };

  // `slow`: sends its request and never reads.
  Subscriber(Fleet& fleet, Loop& loop, std::size_t ring, std::uint32_t topic, bool slow)
      : Connection(loop, ring), fleet_(fleet), topic_(topic), slow_(slow) {}

  void start(const Address& to, const SocketOptions& options) { open(to, options); }
  void check_with(SequenceChecker checker) { checker_ = std::move(checker); }

  std::uint32_t topic() const { return topic_; }
  bool slow() const { return slow_; }
  // Whether it was accepted once.
  bool counted() const { return counted_; }
  const SequenceChecker& checker() const { return checker_; }

 private:
  friend class SseStream;

  void on_connected() override;
  void on_sent() override;
  void on_bytes(std::string_view bytes) override;
  void on_end(int error, std::string_view where) override;

  void read_head(std::string_view bytes);
  bool read_body(std::string_view bytes);
  std::string refusal() const;
  void refuse(std::string message);

  void on_stamp(const Stamp& stamp);
  void on_gap();
  void on_foreign();

  Fleet& fleet_;
  SequenceChecker checker_;
  SseStream stream_;
  ChunkedDecoder chunks_;
  std::string text_;  // the request, then the response's head
  std::uint32_t topic_;
  Phase phase_ = Phase::connecting;
  bool slow_;
  bool chunked_ = false;
  bool counted_ = false;
};

}  // namespace ringcast::load

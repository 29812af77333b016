// A publisher over chunked HTTP: for each topic that it publishes to a request whose body goes on,
// since the request's path names the topic.
//
// Nothing answers a line: it counts as answered once it is with the kernel. At the end the bodies
// are ended, and what their answers count is what the server has taken.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tools/ringload/line_body.h"
#include "tools/ringload/publisher.h"

namespace ringcast::load {

class ChunkedPublisher final : public Publisher, public LineBodyOwner {
 public:
  ChunkedPublisher(PublisherOwner& owner, Loop& loop, std::size_t ring, const Options& options,
                   const Address& address, std::uint32_t index);

  void start(const SocketOptions& socket) override;
  bool free() const override { return ready_ && unsent_ < options().pipeline; }
  // Events go to the bodies in turn: that is the order in which their topics come.
  void publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) override;
  void flush() override;
  bool finish() override;

 private:
  void on_body_open() override;
  void on_lines_sent(std::uint32_t lines) override;
  void on_body_answered() override;
  void on_body_failed(std::string message) override;

  void open_next();
  void count_confirmed();

  std::vector<std::unique_ptr<LineBody>> bodies_;
  std::vector<LineBody*> touched_;  // to be flushed
  std::uint64_t published_ = 0;
  std::uint32_t unsent_ = 0;  // lines that are not with the kernel
  std::size_t started_ = 0;
  std::size_t opened_ = 0;
  std::size_t answered_bodies_ = 0;
  bool ready_ = false;
  bool failed_ = false;
};

// How many connections the publishers of a run need.
std::size_t chunked_connections(const Options& options);

}  // namespace ringcast::load

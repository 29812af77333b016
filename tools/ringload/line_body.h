// A request whose body goes on: every line is an event, and a chunk of its own.
//
// Nothing answers a line. When the body is ended, the server answers with how many lines it took.
//
// Lifecycle: start() → on_body_open() → append(), flush()… → on_lines_sent() → finish() →
// on_body_answered(), or on_body_failed() at any time, once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "tools/ringload/connection.h"
#include "tools/ringload/options.h"
#include "tools/ringload/response_reader.h"
#include "tools/ringload/stamp.h"

namespace ringcast::load {

class LineBody;

class LineBodyOwner {
 public:
  virtual void on_body_open() = 0;
  virtual void on_lines_sent(std::uint32_t lines) = 0;  // they are with the kernel
  virtual void on_body_answered() = 0;                  // all its lines are confirmed
  virtual void on_body_failed(std::string message) = 0;

 protected:
  ~LineBodyOwner() = default;
};

class LineBody final : public Connection {
 public:
  // All references must outlive it.
  LineBody(LineBodyOwner& owner, Loop& loop, std::size_t ring, const Options& options,
           const Address& address, const std::string& topic);

  void start(const SocketOptions& socket) { open(address_, socket); }
  // A line for the next flush().
  void append(const StampCodec& codec, const Stamp& stamp);
  void flush();
  // Ends the body behind what was appended.
  void finish();
  // Ends the connection; nothing more is told.
  void abandon();

  // Lines that the server says it took: the first so many of the body.
  std::uint64_t confirmed() const { return confirmed_; }

 private:
  enum class Phase : std::uint8_t { connecting, asking, open, finishing, ended };

  void on_connected() override;
  void on_sent() override;
  void on_bytes(std::string_view bytes) override;
  void on_end(int error, std::string_view where) override;

  void make_chunk(std::string_view line, const TemplateValues& values);
  void take_answer();
  void fail_with(std::string message);

  LineBodyOwner& owner_;
  const ChunkedTarget& target_;
  const Address& address_;
  std::string chunk_;         // a line as it is sent, with room for the stamp
  std::size_t stamp_at_ = 0;  // in it
  std::string waiting_;       // for the next send
  std::string under_way_;     // the head, then lines
  std::string send_error_;    // what the server says may still come, and says more
  std::uint32_t lines_waiting_ = 0;
  std::uint32_t lines_under_way_ = 0;
  std::uint64_t lines_ = 0;
  std::uint64_t confirmed_ = 0;
  ResponseReader reader_;
  Phase phase_ = Phase::connecting;
  bool sending_ = false;
};

// How many lines an answer counts: the number behind the member `name` of its JSON; -1: it does not
// say.
std::int64_t counted_lines(std::string_view answer, std::string_view name);

}  // namespace ringcast::load

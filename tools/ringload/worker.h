// A worker behind the server: answers each command that it is told of.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tools/ringload/stamped_frame.h"
#include "tools/ringload/ws_connection.h"

namespace ringcast::load {

struct WorkerText {
  std::string request;    // the handshake; see render_handshake()
  std::string subscribe;  // said after it, unless empty
  std::string mark;       // what a command contains besides the stamp
  std::string before;     // of the stamp in an answer
  std::string after;
};

class Worker final : public WsConnection {
 public:
  using OnReady = std::function<void()>;
  using OnFailed = std::function<void(std::string message)>;

  Worker(Loop& loop, std::size_t ring, const StampCodec& codec, const WorkerText& text,
         OnReady on_ready, OnFailed on_failed)
      : WsConnection(loop, ring),
        codec_(codec),
        text_(text),
        frame_(text.before, text.after, WsOpcode::text, mask()),
        on_ready_(std::move(on_ready)),
        on_failed_(std::move(on_failed)) {}

  void start(const Address& to) { dial(to, {}, text_.request); }
  std::uint64_t answered() const { return answered_; }

 private:
  void on_open() override {
    if (!text_.subscribe.empty()) write(WsOpcode::text, text_.subscribe);
    on_ready_();
  }
  void on_data(const WsMessage& message) override {
    Stamp stamp;
    if (!stamps_.find(codec_, message.payload, stamp)) return;
    if (!message.payload.contains(text_.mark)) return;
    write_frame(frame_.with(codec_, stamp));
    ++answered_;
  }
  void on_ended(std::string message) override { on_failed_(std::move(message)); }

  const StampCodec& codec_;
  const WorkerText& text_;
  StampedFrame frame_;
  StampFinder stamps_;
  OnReady on_ready_;
  OnFailed on_failed_;
  std::uint64_t answered_ = 0;
};

}  // namespace ringcast::load

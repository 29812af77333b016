// A worker behind the server: answers each command that it is told of.
#pragma once

#include <functional>
#include <string>

#include "tools/ringload/ws_connection.h"

namespace ringcast::load {

struct WorkerText {
  std::string request;    // the handshake; see render_handshake()
  std::string subscribe;  // said after it, unless empty
  std::string mark;       // what a command contains
  std::string ref_mark;   // what stands before its reference
  std::string before;     // of the reference in an answer
  std::string after;
};

class Worker final : public WsConnection {
 public:
  using OnReady = std::function<void()>;
  using OnFailed = std::function<void(std::string message)>;

  Worker(Loop& loop, std::size_t ring, const WorkerText& text, OnReady on_ready, OnFailed on_failed)
      : WsConnection(loop, ring),
        text_(text),
        on_ready_(std::move(on_ready)),
        on_failed_(std::move(on_failed)) {}

  void start(const Address& to) { dial(to, {}, text_.request); }

 private:
  void on_open() override {
    if (!text_.subscribe.empty()) write(WsOpcode::text, text_.subscribe);
    on_ready_();
  }
  void on_data(const WsMessage& message) override {
    if (!message.payload.contains(text_.mark)) return;
    const std::size_t at = message.payload.find(text_.ref_mark);
    if (at == std::string_view::npos) return;
    const std::string_view rest = message.payload.substr(at + text_.ref_mark.size());
    answer_.assign(text_.before).append(rest.substr(0, rest.find_first_of("\\\"")));
    answer_ += text_.after;
    write(WsOpcode::text, answer_);
  }
  void on_ended(std::string message) override { on_failed_(std::move(message)); }

  const WorkerText& text_;
  std::string answer_;
  OnReady on_ready_;
  OnFailed on_failed_;
};

}  // namespace ringcast::load

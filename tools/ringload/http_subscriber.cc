#include "tools/ringload/http_subscriber.h"

#include <fmt/format.h>

#include <cstring>

#include "tools/ringload/fleet.h"

namespace ringcast::load {

void HttpSubscriber::start(const Address& to, const SocketOptions& options) {
  phase_ = Phase::connecting;
  text_.clear();
  chunks_.reset();
  restart_content();
  open(to, options);
}

void HttpSubscriber::on_connected() {
  phase_ = Phase::asking;
  const Options& options = fleet().options();
  const std::string name = fleet().topic_name(topic());
  ask({.topic = name, .event = options.event, .last_id = last_id()}, text_);
  send(text_);
}

void HttpSubscriber::on_sent() {
  text_.clear();
  if (slow()) {
    phase_ = Phase::silent;
    ready();
  } else {
    receive();
  }
}

void HttpSubscriber::on_bytes(std::string_view bytes) {
  count_receive(bytes.size(), arrived_ns());
  if (phase_ != Phase::streaming) {
    read_head(bytes);
  } else if (!read_body(bytes)) {
    return;
  }
  if (phase_ != Phase::ended) receive();
}

void HttpSubscriber::read_head(std::string_view bytes) {
  const std::size_t before = text_.size();
  text_ += bytes;
  const std::size_t length = find_head_end(text_);
  if (length == 0) {
    if (text_.size() > kResponseHeadBytesMax) refuse("the response's head is too long");
    return;
  }
  const auto head = parse_response_head(std::string_view(text_).substr(0, length));
  if (!head) {
    refuse(head.error().message);
  } else if (head->status != 200) {
    if (is_whole_response(text_)) refuse(describe_refusal(text_));  // its body says why
  } else if (std::string problem = objection(*head); !problem.empty()) {
    refuse(std::move(problem));
  } else {
    chunked_ = head->chunked;
    phase_ = Phase::streaming;
    std::string().swap(text_);
    ready();
    read_body(bytes.substr(length - before));
  }
}

bool HttpSubscriber::read_body(std::string_view bytes) {
  bool fits = true;
  if (!chunked_) {
    fits = take_content(bytes);
  } else {
    const auto state = chunks_.feed(
        bytes, [&](std::string_view content) { fits = fits && take_content(content); });
    if (state == ChunkedDecoder::State::failed) {
      refuse("the chunked framing is broken");
      return false;
    }
    if (state == ChunkedDecoder::State::complete) {
      refuse("the server has ended the stream");
      return false;
    }
  }
  if (!fits) refuse("an event is too large");
  return fits;
}

void HttpSubscriber::refuse(std::string message) {
  close();
  phase_ = Phase::ended;
  failed(std::move(message));
}

void HttpSubscriber::on_end(int error, std::string_view where) {
  if (phase_ == Phase::ended) return;
  if (phase_ == Phase::asking && error == 0 && find_head_end(text_) != 0) {
    return refuse(describe_refusal(text_));
  }
  refuse(error == 0 ? "the server has closed the connection"
                    : fmt::format("{}: {}", where, std::strerror(error)));
}

}  // namespace ringcast::load

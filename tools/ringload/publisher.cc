#include "tools/ringload/publisher.h"

#include <fmt/format.h>

#include <cstring>

namespace ringcast::load {

void Publisher::on_connected() {
  connected_ = true;
  reader_.next();
  receive();
  owner_.on_free(*this);
}

void Publisher::publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) {
  payload_.resize(options_.size, 'x');
  codec.write(payload_.data(), stamp);
  request_.clear();
  render_publish(options_.target, {.topic = topic, .payload = payload_, .event = options_.event},
                 request_);
  send_request();
}

void Publisher::send_request() {
  sending_ = true;
  sent_at_.push_back(loop().clock_ns());
  send(request_);
}

void Publisher::retry() {
  refused_ = false;
  send_request();
}

void Publisher::on_sent() {
  sending_ = false;
  if (free() && !refused_) owner_.on_free(*this);
}

void Publisher::on_bytes(std::string_view bytes) {
  while (!bytes.empty() && !failed_) {
    const auto state = reader_.feed(bytes);
    bytes.remove_prefix(reader_.consumed());
    if (state == ResponseReader::State::failed) return fail_with(reader_.error());
    if (state == ResponseReader::State::needs_more) break;
    if (sent_at_.empty()) return fail_with("the server answers what was not asked");
    const bool close = reader_.close();
    on_response();
    if (failed_) return;
    if (close) return reconnect();
  }
  if (!failed_) receive();
}

void Publisher::on_response() {
  const std::int64_t took_ns = loop().now_ns() - sent_at_.front();
  const int status = reader_.status();
  const bool was_free = free();
  sent_at_.pop_front();
  if (status >= 200 && status < 300) {
    ++answered_;
    const bool ends = reader_.close();
    reader_.next();
    if (ends) connected_ = false;
    owner_.on_answer(*this, took_ns);
    if (!was_free && free()) owner_.on_free(*this);
  } else if ((status == 429 || status == 503) && options_.pipeline == 1 && !reader_.close()) {
    reader_.next();
    refused_ = true;
    owner_.on_refused(*this);
  } else {
    fail_with(fmt::format("the answer to the publishing is {}: {}", status, reader_.body()));
  }
}

void Publisher::reconnect() {
  if (!sent_at_.empty()) return fail_with("the server has closed the connection on a request");
  connected_ = false;
  close();
  start();
}

void Publisher::on_end(int error, std::string_view where) {
  if (failed_) return;
  if (error == 0 && connected_ && reader_.idle() && sent_at_.empty()) return reconnect();
  if (error == 0 && reader_.end() == ResponseReader::State::complete && !sent_at_.empty()) {
    connected_ = false;
    on_response();
    if (!failed_) reconnect();
    return;
  }
  fail_with(error == 0 ? "the server has closed the connection"
                       : fmt::format("{}: {}", where, std::strerror(error)));
}

void Publisher::fail_with(std::string message) {
  failed_ = true;
  connected_ = false;
  close();
  owner_.on_failed(*this, std::move(message));
}

}  // namespace ringcast::load

#include "tools/ringload/http_publisher.h"

#include <fmt/format.h>

#include <cstring>

namespace ringcast::load {

void HttpPublisher::on_connected() {
  connected_ = true;
  reader_.next();
  receive();
  owner().on_free(*this);
}

void HttpPublisher::publish(std::string_view topic, const StampCodec& codec, const Stamp& stamp) {
  if (stamp_at_ != std::string::npos && topic.data() == rendered_topic_) {
    codec.write(request_.data() + stamp_at_, stamp);
  } else {
    render(topic, payload(codec, stamp));
  }
  send_request();
}

void HttpPublisher::render(std::string_view topic, std::string_view payload) {
  request_.clear();
  render_publish(options().target, {.topic = topic, .payload = payload, .event = options().event},
                 request_);
  rendered_topic_ = topic.data();
  stamp_at_ = request_.find(payload);
  if (request_.find(payload, stamp_at_ + 1) != std::string::npos) stamp_at_ = std::string::npos;
}

void HttpPublisher::send_request() {
  sending_ = true;
  sent_at_.push_back(loop().clock_ns());
  send(request_);
}

void HttpPublisher::retry() {
  refused_ = false;
  send_request();
}

void HttpPublisher::on_sent() {
  sending_ = false;
  if (free() && !refused_) owner().on_free(*this);
}

void HttpPublisher::on_bytes(std::string_view bytes) {
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

void HttpPublisher::on_response() {
  const int status = reader_.status();
  const bool was_free = free();
  if (status >= 200 && status < 300) {
    const bool ends = reader_.close();
    reader_.next();
    if (ends) connected_ = false;
    take_answer(arrived_ns());
    if (!was_free && free()) owner().on_free(*this);
  } else if ((status == 429 || status == 503) && options().pipeline == 1 && !reader_.close()) {
    sent_at_.pop_front();
    reader_.next();
    refused_ = true;
    owner().on_refused(*this);
  } else {
    fail_with(fmt::format("the answer to the publishing is {}: {}", status, reader_.body()));
  }
}

void HttpPublisher::reconnect() {
  if (!sent_at_.empty()) return fail_with("the server has closed the connection on a request");
  connected_ = false;
  close();
  open(address_, socket_);
}

void HttpPublisher::on_end(int error, std::string_view where) {
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

void HttpPublisher::fail_with(std::string message) {
  failed_ = true;
  connected_ = false;
  close();
  owner().on_failed(*this, std::move(message));
}

}  // namespace ringcast::load

#include "tools/ringload/mcp_connection.h"

#include <fmt/format.h>

#include <cstring>

namespace ringcast::load {
namespace {

// What is around the text in an answer, and what escapes may add to it.
constexpr std::size_t kEnvelopeBytes = 64 << 10;
constexpr std::size_t kTextBytesFactor = 8;

}  // namespace

McpConnection::McpConnection(Loop& loop, std::size_t ring, const Options& options,
                             const Address& address, Arrivals& arrivals)
    : Connection(loop, ring),
      options_(options),
      address_(address),
      arrivals_(arrivals),
      reader_(kEnvelopeBytes + options.size * kTextBytesFactor) {}

void McpConnection::on_connected() {
  connected_ = true;
  reader_.next();
  receive();
  if (deferred_) return send_deferred();
  on_open();
  if (is_idle()) on_idle();
}

void McpConnection::send_deferred() {
  deferred_ = false;
  sending_ = true;
  send(asked_);
}

void McpConnection::ask(std::string_view request) {
  asked_ = request;
  waiting_ = true;
  deferred_ = sending_ || !connected_;
  if (!deferred_) send_deferred();
}

void McpConnection::on_sent() {
  sending_ = false;
  if (ended_ || !connected_) return;
  if (deferred_) {
    send_deferred();
  } else if (!waiting_) {
    on_idle();
  }
}

void McpConnection::on_bytes(std::string_view bytes) {
  if (ended_) return;
  arrivals_.count_receive(bytes.size(), arrived_ns());
  if (waiting_ && reader_.idle() && opening_ == Opening::nothing && on_expected(bytes)) {
    waiting_ = false;
    fruitless_ = 0;
    if (is_idle()) on_idle();
  } else {
    read(bytes);
  }
  if (!ended_ && connected_) receive();
}

void McpConnection::read(std::string_view bytes) {
  while (!bytes.empty() && !ended_ && connected_) {
    const bool fresh = reader_.idle();
    const auto state = reader_.feed(bytes);
    if (state == ResponseReader::State::failed) return end(reader_.error());
    if (state == ResponseReader::State::needs_more) {
      if (reader_.head() != nullptr) on_part(reader_);
      return;
    }
    const std::string_view rest = bytes.substr(reader_.consumed());
    if (!waiting_ || deferred_) return end("the server answers what was not asked");
    take(fresh && rest.empty() ? bytes : std::string_view());
    bytes = rest;
  }
}

void McpConnection::take(std::string_view bytes) {
  waiting_ = false;
  fruitless_ = 0;
  const bool closes = reader_.close();
  if (closes) connected_ = false;
  switch (opening_) {
    case Opening::initialize:
      take_initialize();
      break;
    case Opening::initialized:
      take_initialized();
      break;
    case Opening::nothing:
      on_answer(reader_, bytes);
      break;
  }
  if (ended_) return;
  reader_.next();
  if (closes) return reconnect();
  if (is_idle()) on_idle();
}

void McpConnection::open_session() {
  session_ = {};
  opening_ = Opening::initialize;
  text_ = post_request(options_, options_.mcp.path, session_, initialize_message());
  ask(text_);
}

void McpConnection::take_initialize() {
  const ResponseHead& head = *reader_.head();
  if (head.status != 200) {
    return end(fmt::format("the answer to initialize is {}: {}", head.status,
                           reader_.body().substr(0, ResponseReader::kBodyBytesKept)));
  }
  if (answer_.read(head.content_type, reader_.body())) {
    session_.version = answer_.protocol_version();
  }
  if (session_.version.empty()) {
    return end(fmt::format("the answer to initialize has no protocolVersion: {}",
                           reader_.body().substr(0, ResponseReader::kBodyBytesKept)));
  }
  session_.id = head.mcp_session_id;
  opening_ = Opening::initialized;
  text_ = post_request(options_, options_.mcp.path, session_, initialized_message());
  ask(text_);
}

void McpConnection::take_initialized() {
  if (reader_.status() < 200 || reader_.status() > 299) {
    return end(fmt::format("the answer to notifications/initialized is {}: {}", reader_.status(),
                           reader_.body().substr(0, ResponseReader::kBodyBytesKept)));
  }
  opening_ = Opening::nothing;
  on_session(session_);
}

void McpConnection::reconnect() {
  if (++fruitless_ > kFruitlessMax) return end("the server closes every connection");
  connected_ = false;
  close();
  open(address_, socket_);
}

void McpConnection::on_end(int error, std::string_view where) {
  if (ended_) return;
  const bool between = connected_ && !waiting_ && reader_.idle();
  if (between) return reconnect();
  if (error == 0 && connected_ && waiting_ && reader_.end() == ResponseReader::State::complete) {
    return take({});
  }
  end(error == 0 ? "the server has closed the connection"
                 : fmt::format("{}: {}", where, std::strerror(error)));
}

void McpConnection::end(std::string message) {
  if (ended_) return;
  ended_ = true;
  connected_ = false;
  close();
  on_ended(std::move(message));
}

}  // namespace ringcast::load

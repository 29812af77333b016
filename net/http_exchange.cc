#include "net/http_exchange.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "net/head_writer.h"
#include "net/http_connection.h"
#include "net/http_server.h"

namespace ringcast {
namespace {

constexpr std::size_t kMostHeadBytes = 4096;
constexpr std::string_view kRequestId = "X-Request-Id";
constexpr std::string_view kJson = "application/json";

constexpr HttpError kBroken{0, "connection_broken", "The connection broke."};
constexpr HttpError kBodyTimeout{408, "body_timeout", "The request body came too slowly."};
// How soon a body that may pause notices that the server drains, or that it has to end.
constexpr std::uint64_t kDrainCheckMs = 500;
constexpr HttpError kDraining{503, "draining", "This server is shutting down."};
constexpr HttpError kTooLarge{413, "body_too_large", "The request body is larger than allowed."};

void append_escaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<unsigned>(c));
    } else {
      out += c;
    }
  }
}

}  // namespace

HttpExchange::HttpExchange(HttpConnection& connection, const RequestHead& head)
    : connection_(connection),
      head_(head),
      remaining_(head.content_length.value_or(0)),
      continue_due_(head.expect_continue && head.has_body()) {}

HttpExchange::~HttpExchange() = default;

// --- the client ---

const ClientAddress& HttpExchange::client() const {
  if (!client_known_) find_client();
  return client_;
}

void HttpExchange::find_client() const {
  const Forwarding& forwarding = connection_.server_.forwarding_;
  client_known_ = true;
  client_ = connection_.peer_;
  if (!forwarding.trusts(client_)) return;
  const ForwardedRequest told = forwarded_client(head_, client_, forwarding);
  client_ = told.client;
  forwarded_proto_ = told.proto;
  forwarded_host_ = told.host;
  if (told.unreadable) connection_.server_.counters.forwarded_unreadable.add();
}

// What Forwarded said, or the header that goes with X-Forwarded-For.
std::optional<std::string_view> HttpExchange::forwarded_text(std::string_view said,
                                                             std::string_view header) const {
  const Forwarding& forwarding = connection_.server_.forwarding_;
  if (forwarding.header == ForwardedHeader::x_forwarded_for &&
      forwarding.trusts(connection_.peer_)) {
    said = forwarded_value(head_, header);
  }
  if (said.empty()) return std::nullopt;
  return said;
}

std::optional<std::string_view> HttpExchange::forwarded_proto() const {
  if (connection_.tls_) return "https";
  client();
  return forwarded_text(forwarded_proto_, "X-Forwarded-Proto");
}

std::optional<std::string_view> HttpExchange::forwarded_host() const {
  client();
  return forwarded_text(forwarded_host_, "X-Forwarded-Host");
}

std::string_view HttpExchange::request_id() const {
  if (request_id_size_ == 0) {
    std::string_view id = head_.find(kRequestId).value_or("");
    const bool usable = id.size() <= request_id_.size() && std::ranges::all_of(id, [](char c) {
                          return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '-' ||
                                 c == '.' || c == '_';
                        });
    if (!usable || id.empty()) id = connection_.server_.new_request_id();
    request_id_size_ = static_cast<std::uint8_t>(id.copy(request_id_.data(), request_id_.size()));
  }
  return {request_id_.data(), request_id_size_};
}

Descriptor HttpExchange::descriptor() const { return connection_.socket_.descriptor(); }

// --- other protocols ---

Task<bool> HttpExchange::switch_protocols(std::string_view response) {
  status_ = 101;
  close_ = true;
  connection_.out_.append(response);
  const bool sent = co_await connection_.flush();
  connection_.out_.release();
  co_return sent;
}

const Socket& HttpExchange::socket() const { return connection_.socket_; }

Buffer HttpExchange::take_input() { return std::move(connection_.in_); }

bool HttpExchange::keep_input(std::string_view bytes, std::size_t most_bytes) {
  connection_.in_.append(bytes);
  return connection_.in_.size() <= most_bytes;
}

void HttpExchange::release_head() {
  client();
  request_id();
  has_head_ = false;
  if (head_buffer_ != nullptr) head_buffer_->release();
}

bool HttpExchange::draining() const { return connection_.server_.draining_; }

void HttpExchange::tell_draining(DrainListener* listener) {
  connection_.drain_listener_ = listener;
}

// --- the request's body ---

bool HttpExchange::body_finished() const {
  if (head_.chunked) return chunks_.state() == ChunkedDecoder::State::done;
  return remaining_ == 0;
}

// Whether all of it is here, read or not.
bool HttpExchange::body_arrived() const {
  std::string_view rest = connection_.in_.view().substr(piece_);
  if (!head_.chunked) return remaining_ <= rest.size();
  ChunkedDecoder chunks = chunks_;
  while (!rest.empty() && chunks.state() == ChunkedDecoder::State::more) {
    rest.remove_prefix(chunks.decode(rest).consumed);
  }
  return chunks.state() == ChunkedDecoder::State::done;
}

Task<void> HttpExchange::send_continue() {
  continue_due_ = false;
  connection_.out_.append(kContinueResponse);
  co_await connection_.flush();
}

// A body may not pause for long, nor come so slowly that it never ends: from body_timeout on it has
// to have come at min_body_bytes_per_s.
std::int64_t HttpExchange::body_deadline() {
  const HttpLimits& limits = connection_.server_.limits_;
  if (pauses_allowed_) return connection_.after_ms(kDrainCheckMs);
  const std::int64_t pause = connection_.after_ms(limits.body_timeout_ms);
  if (limits.min_body_bytes_per_s == 0) return pause;
  if (body_begin_ns_ == 0) body_begin_ns_ = connection_.scope_.reactor().now_ns();
  const LeastPace least{limits.body_timeout_ms, limits.min_body_bytes_per_s};
  return std::min(pause, body_begin_ns_ + least.due_ns(body_bytes_));
}

// Receives more of the body into the connection's input.
Task<HttpResult<void>> HttpExchange::fill() {
  if (continue_due_) co_await send_continue();
  if (!connection_.out_.empty() && !co_await connection_.flush()) {
    close_ = true;
    co_return std::unexpected(kBroken);
  }
  if (connection_.ahead_of_pace()) co_await connection_.keep_pace();
  const Received received = co_await connection_.socket_.receive(body_deadline());
  if (received.result() == -ETIMEDOUT && pauses_allowed_) {
    if (!connection_.server_.draining_ && !pause_end_) co_return HttpResult<void>{};
    close_ = true;
    co_return std::unexpected(pause_end_.value_or(kDraining));
  }
  if (received.result() > 0) {
    connection_.arrived(received.bytes());
    body_bytes_ += received.bytes().size();
    co_return HttpResult<void>{};
  }
  close_ = true;
  if (received.result() == -ETIMEDOUT) {
    connection_.server_.counters.timeouts.add();
    co_return std::unexpected(kBodyTimeout);
  }
  co_return std::unexpected(kBroken);
}

Task<HttpResult<std::string_view>> HttpExchange::take_length_piece() {
  if (remaining_ == 0) co_return std::string_view{};
  while (connection_.in_.empty()) {
    if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
  }
  piece_ = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, connection_.in_.size()));
  remaining_ -= piece_;
  co_return connection_.in_.view().substr(0, piece_);
}

Task<HttpResult<std::string_view>> HttpExchange::take_chunked_piece() {
  for (;;) {
    while (!connection_.in_.empty() && chunks_.state() == ChunkedDecoder::State::more) {
      const ChunkedDecoder::Step step = chunks_.decode(connection_.in_.view());
      piece_ = step.consumed;
      if (step.state == ChunkedDecoder::State::failed) {
        close_ = true;
        co_return std::unexpected(chunks_.error());
      }
      if (!step.data.empty()) co_return step.data;
      connection_.in_.consume(std::exchange(piece_, 0));
    }
    if (chunks_.state() == ChunkedDecoder::State::done) co_return std::string_view{};
    if (auto filled = co_await fill(); !filled) co_return std::unexpected(filled.error());
  }
}

Task<HttpResult<std::string_view>> HttpExchange::next_piece() {
  connection_.in_.consume(std::exchange(piece_, 0));
  if (head_.chunked) co_return co_await take_chunked_piece();
  co_return co_await take_length_piece();
}

Task<HttpResult<std::string_view>> HttpExchange::body(std::uint64_t most_bytes) {
  if (!head_.chunked && remaining_ > most_bytes) {
    // More than is read to its end (HttpConnection::discard): the client is told so.
    const bool kept = remaining_ <= connection_.server_.limits_.max_discarded_bytes;
    if (continue_due_ || !kept) close_ = true;
    co_return std::unexpected(kTooLarge);
  }
  if (!head_.chunked && remaining_ == connection_.in_.size() && piece_ == 0) {
    // All of it is here, and nothing else: no need to copy.
    body_ = std::move(connection_.in_);
    remaining_ = 0;
    co_return body_.view();
  }
  if (!head_.chunked) {
    // More only as it arrives.
    const auto likely = static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, 1 << 20));
    if (body_.may_append(likely)) body_.room(likely);
  }
  for (;;) {
    const auto piece = co_await next_piece();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) co_return body_.view();
    if (body_.size() + piece->size() > most_bytes) {
      close_ = true;
      co_return std::unexpected(kTooLarge);
    }
    if (!body_.may_append(piece->size())) {
      close_ = true;
      connection_.server_.counters.too_busy.add();
      co_return std::unexpected(kTooBusy);
    }
    body_.append(*piece);
  }
}

// --- the response ---

void HttpExchange::add_header(std::string_view name, std::string_view value) {
  RINGCAST_CHECK(extra_count_ < extra_.size());
  extra_[extra_count_++] = {name, value};
}

void HttpExchange::write_head(Buffer& out, int status, std::string_view content_type,
                              std::initializer_list<ResponseHeader> headers, Framing framing,
                              std::uint64_t length) {
  status_ = status;
  // A client that still waits for 100 may or may not send its body now, and one that sends may stop
  // once it has its answer: HAProxy 2.6 then puts another client's request where the body was due.
  if (continue_due_ || !body_arrived()) close_ = true;
  if (!head_.keep_alive || connection_.server_.draining_) close_ = true;
  // Such a response names Upgrade, which is for the next hop alone (RFC 9110 §7.8).
  const bool upgradable = status == 426;
  if (upgradable && head_.version_minor == 0) close_ = true;
  const std::span<char> room = out.room(kMostHeadBytes);
  HeadWriter writer(room.first(std::min(room.size(), kMostHeadBytes)), status,
                    connection_.server_.date());
  if (!content_type.empty()) writer.header("Content-Type", content_type);
  for (const ResponseHeader& header : headers) writer.header(header.name, header.value);
  for (std::size_t i = 0; i < extra_count_; ++i) writer.header(extra_[i].name, extra_[i].value);
  if (status >= 400 || head_.find(kRequestId)) writer.header(kRequestId, request_id());
  if (framing == Framing::length) writer.content_length(length);
  if (framing == Framing::chunked) writer.chunked();
  if (framing == Framing::until_close) {
    close_ = true;
    writer.until_close();
  } else if (upgradable) {
    writer.header("Connection", close_ ? "upgrade, close" : "upgrade");
  } else if (close_) {
    writer.connection_close();
  } else if (head_.version_minor == 0) {
    writer.connection_keep_alive();
  }
  const std::string_view text = writer.finish();
  RINGCAST_CHECK(!text.empty());
  out.grown(text.size());
}

void HttpExchange::respond(int status, std::string_view content_type, std::string_view body,
                           std::initializer_list<ResponseHeader> headers) {
  Buffer& out = connection_.out_;
  write_head(out, status, content_type, headers, Framing::length, body.size());
  if (head_.method != Method::head) out.append(body);
}

void HttpExchange::respond_empty(int status, std::initializer_list<ResponseHeader> headers) {
  const bool bodiless = status == 204 || status == 304;
  write_head(connection_.out_, status, {}, headers, bodiless ? Framing::none : Framing::length, 0);
}

void HttpExchange::refuse(const HttpError& error) {
  if (error.status == 0) {
    close_ = true;
    status_ = 499;  // nobody is there to read an answer
    return;
  }
  refuse(error.status, error.code, error.message);
}

void HttpExchange::refuse(int status, std::string_view code, std::string_view message,
                          std::initializer_list<ResponseHeader> headers) {
  error_code_size_ = static_cast<std::uint8_t>(code.copy(error_code_.data(), error_code_.size()));
  std::string body = "{\"error\":{\"code\":\"";
  append_escaped(body, code);
  body += "\",\"message\":\"";
  append_escaped(body, message);
  body += "\"}}\n";
  respond(status, kJson, body, headers);
}

std::string HttpExchange::head_until_close(int status, std::string_view content_type,
                                           std::initializer_list<ResponseHeader> headers) {
  Buffer out;
  write_head(out, status, content_type, headers, Framing::until_close, 0);
  return std::string(out.view());
}

std::string HttpExchange::head_in_chunks(int status, std::string_view content_type) {
  RINGCAST_CHECK(head_.version_minor >= 1);
  close_ = true;
  Buffer out;
  write_head(out, status, content_type, {}, Framing::chunked, 0);
  return std::string(out.view());
}

Task<bool> HttpExchange::flush() { co_return co_await connection_.flush(); }

Task<bool> HttpExchange::start_stream(int status, std::string_view content_type) {
  stream_chunked_ = head_.version_minor >= 1;
  streaming_ = true;
  write_head(connection_.out_, status, content_type, {},
             stream_chunked_ ? Framing::chunked : Framing::until_close, 0);
  const bool sent = co_await connection_.flush();
  if (!sent) close_ = true;  // nothing may come behind what is cut off, as in the next two
  co_return sent;
}

Task<bool> HttpExchange::write(std::string_view bytes) {
  RINGCAST_CHECK(streaming_);
  if (bytes.empty() || head_.method == Method::head) co_return true;
  if (stream_chunked_) connection_.out_.append(ChunkHeader(bytes.size()).text());
  connection_.out_.append(bytes);
  if (stream_chunked_) connection_.out_.append(kChunkEnd);
  const bool sent = co_await connection_.flush();
  if (!sent) close_ = true;
  co_return sent;
}

Task<bool> HttpExchange::finish_stream() {
  streaming_ = false;
  if (stream_chunked_ && head_.method != Method::head) connection_.out_.append(kLastChunk);
  const bool sent = co_await connection_.flush();
  if (!sent) close_ = true;
  co_return sent;
}

}  // namespace ringcast

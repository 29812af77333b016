#include "protocol/mcp/mcp_stream.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

namespace ringcast {

McpStream::McpStream(Reactor& reactor, std::uint32_t id, const McpStreamLimits& limits)
    : reactor_(reactor), id_(id), limits_(limits), detached_ns_(reactor.now_ns()) {}

McpStream::~McpStream() {
  if (waiting_ != nullptr) waiting_->stream_ended();
  RINGCAST_CHECK(writers_.empty());
}

void McpStream::push(std::string_view message) {
  if (finished_) return;
  ++last_;
  // A line end would end an event's line, or the message; in JSON it is a blank like any other.
  std::string& kept = messages_.emplace_back(message);
  if (kept.contains('\n')) std::ranges::replace(kept, '\n', ' ');
  if (kept.contains('\r')) std::ranges::replace(kept, '\r', ' ');
  kept_bytes_ += message.size();
  unread_bytes_ += message.size();
  trim();
  wake_reader();
}

bool McpStream::has_unread(std::string_view message) const {
  const std::size_t unread = std::min<std::size_t>(last_ - fetched_, messages_.size() - first_);
  return std::find(messages_.end() - static_cast<std::ptrdiff_t>(unread), messages_.end(),
                   message) != messages_.end();
}

void McpStream::finish() {
  finished_ = true;
  wake_reader();
}

void McpStream::wake_reader() {
  if (waiting_ != nullptr) waiting_->wake();
}

// --- limits ---

bool McpStream::has_room() const {
  if (unread_bytes_ <= limits_.unread_bytes) return true;
  return token_ == 0 && reactor_.now_ns() - detached_ns_ >= limits_.patience_ns;
}

void McpStream::trim() {
  const bool given_up = token_ == 0 && reactor_.now_ns() - detached_ns_ >= limits_.patience_ns;
  while (first_ < messages_.size() && kept_bytes_ > limits_.keep_bytes) {
    const std::uint64_t number = last_ - (messages_.size() - first_) + 1;
    if (number > fetched_ && !given_up) break;  // who pushes was told to wait
    const std::size_t bytes = messages_[first_].size();
    if (number > fetched_) unread_bytes_ -= bytes;
    kept_bytes_ -= bytes;
    std::string().swap(messages_[first_++]);
  }
  if (first_ > 64 && first_ * 2 > messages_.size()) {
    messages_.erase(messages_.begin(), messages_.begin() + static_cast<std::ptrdiff_t>(first_));
    first_ = 0;
  }
}

void McpStream::wake_writers() {
  while (!writers_.empty() && has_room()) writers_.pop_front()->resume();
}

void McpStream::Room::await_suspend(std::coroutine_handle<> handle) {
  handle_ = handle;
  scope_.add(*this);
  stream_.writers_.push_back(*this);
  if (stream_.token_ == 0) {
    stream_.reactor_.timers().arm(*this, stream_.detached_ns_ + stream_.limits_.patience_ns);
  }
}

// Its hooks are out of all lists after this.
void McpStream::Room::resume() {
  static_cast<WriterHook&>(*this).unlink();
  static_cast<Cancellable&>(*this).unlink();
  TimerWheel::disarm(*this);
  stream_.reactor_.ready(handle_);
}

void McpStream::Room::stop(Cancellable& waiting) { static_cast<Room&>(waiting).resume(); }

void McpStream::Room::expire(Timer& timer) {
  auto& self = static_cast<Room&>(timer);
  if (self.stream_.has_room()) {
    self.resume();
  } else {
    self.stream_.reactor_.timers().arm(
        self, self.stream_.reactor_.now_ns() + self.stream_.limits_.patience_ns);
  }
}

// --- the reader ---

McpStream::Token McpStream::attach() {
  token_ = next_token_++;
  if (next_token_ == 0) next_token_ = 1;
  wake_reader();
  return token_;
}

void McpStream::detach(Token token) {
  if (token != token_ || token == 0) return;
  token_ = 0;
  detached_ns_ = reactor_.now_ns();
  wake_reader();
  writers_.for_each(
      [this](Room& room) { reactor_.timers().arm(room, detached_ns_ + limits_.patience_ns); });
}

bool McpStream::can_resume(std::uint64_t position) const {
  return position <= last_ && position + (messages_.size() - first_) >= last_;
}

void McpStream::take(Fetched& out, Form form, std::size_t most_bytes) {
  const std::uint64_t oldest = last_ - (messages_.size() - first_) + 1;
  out.position = std::max(out.position + 1, oldest) - 1;
  while (out.position < last_ && out.bytes.size() < most_bytes) {
    const std::uint64_t number = ++out.position;
    const std::string& text = messages_[first_ + static_cast<std::size_t>(number - oldest)];
    if (form == Form::lines) {
      out.bytes.append(text).push_back('\n');
    } else if (form == Form::numbered_events) {
      fmt::format_to(std::back_inserter(out.bytes), "id: {}-{}\nevent: message\ndata: {}\n\n", id_,
                     number, text);
    } else {
      out.bytes.append("event: message\ndata: ").append(text).append("\n\n");
    }
    if (number > fetched_) {
      fetched_ = number;
      unread_bytes_ -= text.size();
    }
  }
  out.finished = finished_ && out.position == last_;
  trim();
  wake_writers();
}

void McpStream::dismiss(std::int64_t retry_ms) {
  dismissed_ms_ = retry_ms;
  wake_reader();
}

Task<McpStream::Fetched> McpStream::fetch(McpStream* stream, Token token, std::uint64_t position,
                                          std::int64_t until_ns, Form form,
                                          std::size_t most_bytes) {
  Fetched out{.bytes = {}, .position = position};
  if (stream->quiet(token, position)) {
    if (!co_await stream->arrival(until_ns)) {
      out.gone = true;
      co_return out;
    }
  }
  if (stream->token_ != token) {
    out.gone = true;
  } else if (stream->dismissed_ms_ >= 0) {
    out.gone = true;
    out.retry_ms = std::exchange(stream->dismissed_ms_, -1);
    stream->detach(token);
  } else {
    stream->take(out, form, most_bytes);
  }
  co_return out;
}

}  // namespace ringcast

#include "tools/ringload/line_body.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <utility>

namespace ringcast::load {
namespace {

constexpr std::string_view kLastChunk = "0\r\n\r\n";

}  // namespace

std::int64_t counted_lines(std::string_view answer, std::string_view name) {
  const std::string member = fmt::format("\"{}\"", name);
  std::size_t at = answer.find(member);
  if (at == std::string_view::npos) return -1;
  at = answer.find_first_not_of(" \t:", at + member.size());
  if (at == std::string_view::npos) return -1;
  std::int64_t count = -1;
  const auto read = std::from_chars(answer.data() + at, answer.data() + answer.size(), count);
  return read.ec == std::errc() && count >= 0 ? count : -1;
}

LineBody::LineBody(LineBodyOwner& owner, Loop& loop, std::size_t ring, const Options& options,
                   const Address& address, const std::string& topic)
    : Connection(loop, ring), owner_(owner), target_(options.target.chunked), address_(address) {
  const std::string payload(options.size, 'x');
  const TemplateValues values{.topic = topic, .payload = payload, .event = options.event};
  render_line_publish(options.target, values, under_way_);
  make_chunk(target_.publish_line, values);
}

void LineBody::make_chunk(std::string_view line, const TemplateValues& values) {
  std::string before;
  std::string text;
  substitute(line.substr(0, line.find(kPayload)), values, before);
  substitute(line, values, text);
  text += '\n';
  chunk_ = fmt::format("{:x}\r\n", text.size());
  stamp_at_ = chunk_.size() + before.size();
  chunk_ += text;
  chunk_ += "\r\n";
}

void LineBody::on_connected() {
  if (phase_ == Phase::ended) return close();
  phase_ = Phase::asking;
  sending_ = true;
  send(under_way_);
  receive();
}

void LineBody::append(const StampCodec& codec, const Stamp& stamp) {
  codec.write(chunk_.data() + stamp_at_, stamp);
  waiting_ += chunk_;
  ++lines_waiting_;
  ++lines_;
}

void LineBody::flush() {
  if (sending_ || waiting_.empty() || phase_ == Phase::ended) return;
  under_way_.swap(waiting_);
  waiting_.clear();
  lines_under_way_ = std::exchange(lines_waiting_, 0);
  sending_ = true;
  send(under_way_);
}

void LineBody::finish() {
  if (phase_ != Phase::open) return;
  phase_ = Phase::finishing;
  waiting_ += kLastChunk;
  flush();
}

void LineBody::on_sent() {
  sending_ = false;
  if (phase_ == Phase::ended) return;
  if (phase_ == Phase::asking) {
    phase_ = Phase::open;
    owner_.on_body_open();
    return flush();
  }
  const std::uint32_t lines = std::exchange(lines_under_way_, 0);
  flush();
  if (lines != 0) owner_.on_lines_sent(lines);
}

void LineBody::on_bytes(std::string_view bytes) {
  if (phase_ == Phase::ended) return;
  const auto state = reader_.feed(bytes);
  if (state == ResponseReader::State::needs_more) return receive();
  state == ResponseReader::State::failed ? fail_with(reader_.error()) : take_answer();
}

void LineBody::take_answer() {
  const int status = reader_.status();
  if (status < 200 || status > 299) {
    return fail_with(fmt::format("the answer to the publishing is {}: {}", status, reader_.body()));
  }
  const bool whole = phase_ == Phase::finishing;
  const std::string& name = target_.publish_count;
  std::int64_t counted = whole ? static_cast<std::int64_t>(lines_) : 0;
  if (!name.empty()) counted = counted_lines(reader_.body(), name);
  confirmed_ = std::min(static_cast<std::uint64_t>(std::max<std::int64_t>(counted, 0)), lines_);
  if (!whole) {
    return fail_with(
        fmt::format("the server has answered before the body's end: {}", reader_.body()));
  }
  if (counted < 0) {
    return fail_with(fmt::format("the answer has no `{}`: {}", name, reader_.body()));
  }
  if (counted != static_cast<std::int64_t>(lines_)) {
    return fail_with(fmt::format("the server has counted {} lines of {}", counted, lines_));
  }
  abandon();
  owner_.on_body_answered();
}

void LineBody::on_end(int error, std::string_view where) {
  if (phase_ == Phase::ended) return;
  std::string said = error == 0 ? "the server has closed the connection"
                                : fmt::format("{}: {}", where, std::strerror(error));
  if (where == "send" && send_error_.empty()) {
    // A server that refuses says why before it closes: that is still to be received.
    send_error_ = std::move(said);
    return;
  }
  if (error == 0 && reader_.end() == ResponseReader::State::complete) return take_answer();
  fail_with(send_error_.empty() ? std::move(said) : std::move(send_error_));
}

void LineBody::abandon() {
  phase_ = Phase::ended;
  close();
}

void LineBody::fail_with(std::string message) {
  abandon();
  owner_.on_body_failed(std::move(message));
}

}  // namespace ringcast::load

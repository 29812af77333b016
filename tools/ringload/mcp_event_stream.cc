#include "tools/ringload/mcp_event_stream.h"

#include <fmt/format.h>

#include <cstring>

#include "tools/ringload/response_reader.h"

namespace ringcast::load {
namespace {

// What follows the name of a field; empty: another field.
std::string_view value_of(std::string_view line, std::string_view name) {
  if (!line.starts_with(name)) return {};
  line.remove_prefix(name.size());
  if (line.starts_with(' ')) line.remove_prefix(1);
  return line;
}

}  // namespace

void McpEventStream::start(const Address& to, const SocketOptions& socket, std::string request) {
  text_ = std::move(request);
  open(to, socket);
}

void McpEventStream::on_sent() {
  text_.clear();
  receive();
}

void McpEventStream::on_bytes(std::string_view bytes) {
  if (ended_) return;
  arrivals_.count_receive(bytes.size(), arrived_ns());
  streaming_ ? read_body(bytes) : read_head(bytes);
  if (!ended_) receive();
}

void McpEventStream::read_head(std::string_view bytes) {
  const std::size_t before = text_.size();
  text_ += bytes;
  const std::size_t length = find_head_end(text_);
  if (length == 0) {
    if (text_.size() > kResponseHeadBytesMax) end("the response's head is too long");
    return;
  }
  const auto head = parse_response_head(std::string_view(text_).substr(0, length));
  if (!head) return end(head.error().message);
  if (head->status != 200) {
    if (is_whole_response(text_)) end(describe_refusal(text_));  // its body says why
    return;
  }
  if (!head->content_type.starts_with("text/event-stream")) {
    return end(fmt::format("the answer is no event stream but `{}`", head->content_type));
  }
  chunked_ = head->chunked;
  streaming_ = true;
  text_.clear();
  read_body(bytes.substr(length - before));
}

void McpEventStream::read_body(std::string_view bytes) {
  if (chunked_) {
    const auto keep = [this](std::string_view content) { events_ += content; };
    if (chunks_.feed(bytes, keep) == ChunkedDecoder::State::failed) {
      return end("the chunked framing is broken");
    }
  } else {
    events_ += bytes;
  }
  read_events();
  if (events_.size() > kEventBytesMax) end("an event is too large");
}

void McpEventStream::read_events() {
  std::string_view rest = events_;
  while (!ended_) {
    // Whole events only: an event ends with an empty line, as a head does.
    const std::size_t length = find_head_end(rest);
    if (length == 0) break;
    read_event(rest.substr(0, length));
    rest.remove_prefix(length);
  }
  events_.erase(0, events_.size() - rest.size());
}

void McpEventStream::read_event(std::string_view block) {
  std::string_view type = "message";
  data_.clear();
  while (!block.empty()) {
    const std::size_t end = block.find('\n');
    std::string_view line = block.substr(0, end);
    block.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.starts_with("event:")) type = value_of(line, "event:");
    if (!line.starts_with("data:")) continue;
    if (!data_.empty()) data_ += '\n';
    data_ += value_of(line, "data:");
  }
  if (!data_.empty()) on_event_(type, data_);
}

void McpEventStream::stop() {
  ended_ = true;
  close();
}

void McpEventStream::end(std::string message) {
  if (ended_) return;
  stop();
  on_ended_(std::move(message));
}

void McpEventStream::on_end(int error, std::string_view where) {
  if (!streaming_ && error == 0 && find_head_end(text_) != 0) return end(describe_refusal(text_));
  end(error == 0 ? "the server has closed the stream"
                 : fmt::format("{}: {}", where, std::strerror(error)));
}

}  // namespace ringcast::load

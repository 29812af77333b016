// Interprets an event stream as a client does (HTML Living Standard §9.2.6), for any split of the
// bytes and every kind of line end. One field more than the standard has: `topic`, which our server
// sends where a connection has several.
//
//   while (const StreamEvent* event = parser.next(bytes)) use(*event);
//
// What is incomplete is kept, at most kBlockBytesMax of it.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

namespace ringcast {

struct StreamEvent {
  std::string id;    // the last one seen, also if this event has none
  std::string type;  // "message" if the event names none
  std::string topic;
  std::string data;
};

class EventParser {
 public:
  static constexpr std::size_t kBlockBytesMax = std::size_t{64} << 20;

  // Takes bytes off the front of `in` up to the end of the next event, good until the next call;
  // null when `in` is used up (or too_long()).
  const StreamEvent* next(std::string_view& in) {
    while (!in.empty() && !too_long()) {
      if (skip_lf_) {
        skip_lf_ = false;
        if (in.front() == '\n') {
          in.remove_prefix(1);
          continue;
        }
      }
      const std::size_t length = line_length(in);
      block_bytes_ += std::min(length + 1, in.size());
      if (length == in.size()) {
        line_ += in;
        in = {};
        break;
      }
      std::string_view line = in.substr(0, length);
      skip_lf_ = in[length] == '\r';
      in.remove_prefix(length + 1);
      if (!line_.empty()) {
        line_ += line;
        line = line_;
      }
      const bool event = take_line(line);
      line_.clear();
      if (event) return &event_;
    }
    return nullptr;
  }

  // A new connection: what was incomplete is dropped, the last id stays.
  void restart() {
    line_.clear();
    clear_block();
    block_bytes_ = 0;
    next_id_ = last_id_;
    skip_lf_ = false;
    first_line_ = true;
  }

  // Of the last complete block: what to resume from. Empty: nothing yet.
  const std::string& last_id() const { return last_id_; }
  void set_last_id(std::string id) { last_id_ = next_id_ = std::move(id); }
  // What the server asked for last, ms; nothing if it did not.
  std::optional<std::int64_t> retry_ms() const { return retry_ms_; }
  // Bytes taken since the last block ended.
  std::size_t open_bytes() const { return block_bytes_; }
  bool too_long() const { return block_bytes_ > kBlockBytesMax; }

 private:
  // The index of the first line end, or the size.
  static std::size_t line_length(std::string_view in) {
    const void* lf = std::memchr(in.data(), '\n', in.size());
    const std::size_t length =
        lf == nullptr ? in.size()
                      : static_cast<std::size_t>(static_cast<const char*>(lf) - in.data());
    const void* cr = std::memchr(in.data(), '\r', length);
    return cr == nullptr ? length
                         : static_cast<std::size_t>(static_cast<const char*>(cr) - in.data());
  }

  // True if the line ended an event.
  bool take_line(std::string_view line) {
    if (first_line_) {
      first_line_ = false;
      if (line.starts_with("\xef\xbb\xbf")) line.remove_prefix(3);
    }
    if (line.empty()) return end_block();
    const std::size_t colon = line.find(':');
    const std::string_view field = line.substr(0, colon);
    std::string_view value = colon == std::string_view::npos ? "" : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    if (field == "data") {
      data_ += value;
      data_ += '\n';
    } else if (field == "event") {
      type_ = value;
    } else if (field == "topic") {
      topic_ = value;
    } else if (field == "id") {
      if (value.find('\0') == std::string_view::npos) next_id_ = value;
    } else if (field == "retry") {
      take_retry(value);
    }
    return false;
  }

  void take_retry(std::string_view value) {
    std::int64_t ms = 0;
    const auto parsed = std::from_chars(value.data(), value.data() + value.size(), ms);
    const bool digits = !value.empty() && value.front() != '-' && parsed.ec == std::errc{} &&
                        parsed.ptr == value.data() + value.size();
    if (digits) retry_ms_ = ms;
  }

  bool end_block() {
    block_bytes_ = 0;
    last_id_ = next_id_;
    const bool event = !data_.empty();
    if (event) {
      data_.pop_back();
      event_.id = last_id_;
      event_.type = type_.empty() ? "message" : type_;
      event_.topic = topic_;
      event_.data.swap(data_);
    }
    clear_block();
    return event;
  }

  void clear_block() {
    data_.clear();
    type_.clear();
    topic_.clear();
  }

  StreamEvent event_;
  std::string line_;  // the beginning of a line whose end is to come
  std::string data_;
  std::string type_;
  std::string topic_;
  std::string last_id_;
  std::string next_id_;
  std::optional<std::int64_t> retry_ms_;
  std::size_t block_bytes_ = 0;
  bool skip_lf_ = false;
  bool first_line_ = true;
};

}  // namespace ringcast

#include "tools/ringload/response_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace ringcast::load {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

bool contains_ignoring_case(std::string_view text, std::string_view word) {
  return !std::ranges::search(text, word, {}, lower, lower).empty();
}

std::string_view trim(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\r'; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && (blank(text.back()) || text.back() == '\n')) text.remove_suffix(1);
  return text;
}

std::string quote(std::string_view text) {
  std::string out;
  for (const char c : text.substr(0, 80)) out += c >= ' ' && c <= '~' ? c : '.';
  return out;
}

}  // namespace

std::size_t find_head_end(std::string_view bytes) {
  for (std::size_t at = bytes.find('\n'); at != std::string_view::npos;
       at = bytes.find('\n', at + 1)) {
    const std::string_view next = bytes.substr(at + 1, 2);
    if (next.starts_with('\n')) return at + 2;
    if (next == "\r\n") return at + 3;
  }
  return 0;
}

Result<ResponseHead> parse_response_head(std::string_view text) {
  ResponseHead head;
  const bool status_line =
      text.starts_with("HTTP/1.") && text.size() > 12 && text[8] == ' ' &&
      std::from_chars(text.data() + 9, text.data() + 12, head.status).ptr == text.data() + 12;
  if (!status_line) {
    return fail("bad_response", fmt::format("This is no HTTP/1 response: `{}`.", quote(text)));
  }
  head.close = text[7] == '0';
  for (std::size_t at = text.find('\n'); at != std::string_view::npos && at + 1 < text.size();) {
    const std::size_t line_end = text.find('\n', at + 1);
    const std::string_view line = trim(text.substr(at + 1, line_end - at - 1));
    at = line_end;
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = trim(line.substr(colon + 1));
    if (equal_ignoring_case(name, "transfer-encoding")) {
      head.chunked = contains_ignoring_case(value, "chunked");
    } else if (equal_ignoring_case(name, "content-type")) {
      head.content_type = value;
    } else if (equal_ignoring_case(name, "sec-websocket-accept")) {
      head.websocket_accept = value;
    } else if (equal_ignoring_case(name, "mcp-session-id")) {
      head.mcp_session_id = value;
    } else if (equal_ignoring_case(name, "connection")) {
      if (contains_ignoring_case(value, "close")) head.close = true;
      if (contains_ignoring_case(value, "keep-alive")) head.close = false;
    } else if (equal_ignoring_case(name, "content-length")) {
      const auto [end, error] =
          std::from_chars(value.data(), value.data() + value.size(), head.content_length);
      if (error != std::errc() || end != value.data() + value.size() || head.content_length < 0) {
        return fail("bad_response", fmt::format("Bad Content-Length: `{}`.", quote(value)));
      }
    }
  }
  return head;
}

ResponseReader::State ResponseReader::feed(std::string_view bytes) {
  consumed_ = 0;
  while (consumed_ < bytes.size() && phase_ != Phase::complete && phase_ != Phase::failed) {
    const std::string_view rest = bytes.substr(consumed_);
    consumed_ += phase_ == Phase::head ? feed_head(rest) : feed_body(rest);
  }
  if (phase_ == Phase::failed) return State::failed;
  return phase_ == Phase::complete ? State::complete : State::needs_more;
}

std::size_t ResponseReader::feed_head(std::string_view bytes) {
  if (head_.empty() && !last_head_.empty() && bytes.starts_with(last_head_)) [[likely]] {
    head_.swap(last_head_);  // what was read out of it points there still
    start_body(parsed_);
    return head_.size();
  }
  const std::size_t before = head_.size();
  head_.append(bytes.substr(0, kResponseHeadBytesMax));
  const std::size_t length = find_head_end(head_);
  if (length == 0) {
    if (head_.size() >= kResponseHeadBytesMax) fail_with("The response's head is too long.");
    return head_.size() - before;
  }
  head_.resize(length);
  if (const auto head = parse_response_head(head_)) {
    start_body(*head);
  } else {
    fail_with(head.error().message);
  }
  return length - before;
}

void ResponseReader::start_body(const ResponseHead& head) {
  if (head.status >= 100 && head.status < 200 && head.status != 101) {
    head_.clear();  // an interim response: the one that counts follows
    return;
  }
  parsed_ = head;
  status_ = head.status;
  close_ = head.close;
  left_ = head.content_length;
  if (head.status == 204 || head.status == 304) {
    phase_ = Phase::complete;
  } else if (head.chunked) {
    phase_ = Phase::chunked;
  } else if (head.content_length >= 0) {
    phase_ = head.content_length == 0 ? Phase::complete : Phase::length;
  } else {
    phase_ = Phase::until_close;
    close_ = true;
  }
}

std::size_t ResponseReader::feed_body(std::string_view bytes) {
  if (phase_ == Phase::chunked) {
    switch (chunks_.feed(bytes, [this](std::string_view data) { keep(data); })) {
      case ChunkedDecoder::State::needs_more:
        break;
      case ChunkedDecoder::State::complete:
        phase_ = Phase::complete;
        break;
      case ChunkedDecoder::State::failed:
        fail_with("The response's chunked framing is broken.");
        break;
    }
    return chunks_.consumed();
  }
  if (phase_ == Phase::until_close) {
    keep(bytes);
    return bytes.size();
  }
  const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(left_, bytes.size()));
  keep(bytes.substr(0, taken));
  left_ -= static_cast<std::int64_t>(taken);
  if (left_ == 0) phase_ = Phase::complete;
  return taken;
}

ResponseReader::State ResponseReader::end() {
  if (phase_ == Phase::until_close) phase_ = Phase::complete;
  if (phase_ == Phase::complete) return State::complete;
  fail_with("The server closed the connection in the middle of a response.");
  return State::failed;
}

void ResponseReader::next() {
  phase_ = Phase::head;
  last_head_.swap(head_);
  head_.clear();
  body_.clear();
  body_bytes_ = 0;
  chunks_.reset();
  status_ = 0;
}

void ResponseReader::keep(std::string_view bytes) {
  body_bytes_ += bytes.size();
  body_.append(bytes.substr(0, body_bytes_kept_ - std::min(body_bytes_kept_, body_.size())));
}

void ResponseReader::fail_with(std::string message) {
  phase_ = Phase::failed;
  error_ = std::move(message);
}

bool is_whole_response(std::string_view text) {
  ResponseReader answer;
  return answer.feed(text) != ResponseReader::State::needs_more;
}

std::string describe_refusal(std::string_view text) {
  ResponseReader answer;
  answer.feed(text);
  return fmt::format("the answer to the subscription is {}: {}",
                     text.substr(0, text.find_first_of("\r\n")), trim(answer.body()));
}

}  // namespace ringcast::load

#include "net/head_writer.h"

#include <array>
#include <charconv>
#include <cstring>

#include "net/http_chars.h"
#include "net/http_status.h"

namespace ringcast {
namespace {

bool has_no_body(int status) { return status < 200 || status == 204 || status == 304; }

}  // namespace

HeadWriter::HeadWriter(std::span<char> out, int status, std::string_view date)
    : out_(out), status_(status), failed_(status < 100 || status > 999) {
  if (failed_) return;
  const std::array<char, 4> digits{static_cast<char>('0' + status / 100),
                                   static_cast<char>('0' + status / 10 % 10),
                                   static_cast<char>('0' + status % 10), ' '};
  put("HTTP/1.1 ");
  put({digits.data(), digits.size()});
  put(reason_phrase(status));
  put("\r\n");
  if (!date.empty()) header("Date", date);
}

void HeadWriter::put(std::string_view text) {
  if (failed_ || text.size() > out_.size() - written_) {
    failed_ = true;
    return;
  }
  if (!text.empty()) std::memcpy(out_.data() + written_, text.data(), text.size());
  written_ += text.size();
}

void HeadWriter::line(std::string_view name, std::string_view value) {
  put(name);
  put(": ");
  put(value);
  put("\r\n");
}

void HeadWriter::header(std::string_view name, std::string_view value) {
  if (!chars::is_token(name) || chars::field_text_length(value) != value.size() ||
      chars::iequals(name, "content-length") || chars::iequals(name, "transfer-encoding")) {
    failed_ = true;
    return;
  }
  if (chars::iequals(name, "connection")) return connection(value);
  line(name, value);
}

void HeadWriter::header(std::string_view name, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  header(name, std::string_view(digits.data(), static_cast<std::size_t>(end - digits.data())));
}

void HeadWriter::frame() {
  if (framed_ || has_no_body(status_)) failed_ = true;
  framed_ = true;
}

void HeadWriter::content_length(std::uint64_t bytes) {
  std::array<char, 20> digits;
  const auto [end, error] = std::to_chars(digits.data(), digits.data() + digits.size(), bytes);
  frame();
  line("Content-Length", {digits.data(), static_cast<std::size_t>(end - digits.data())});
}

void HeadWriter::chunked() {
  frame();
  line("Transfer-Encoding", "chunked");
}

void HeadWriter::until_close() {
  frame();
  connection("close");
}

void HeadWriter::connection(std::string_view value) {
  if (has_connection_) failed_ = true;
  has_connection_ = true;
  line("Connection", value);
}

void HeadWriter::connection_close() { connection("close"); }

void HeadWriter::connection_keep_alive() { connection("keep-alive"); }

std::string_view HeadWriter::finish() {
  if (!framed_ && !has_no_body(status_)) failed_ = true;
  put("\r\n");
  return failed_ ? std::string_view{} : std::string_view(out_.data(), written_);
}

}  // namespace ringcast

// Request heads: the verdict does not depend on how the bytes were cut, and what is accepted is
// what it claims to be.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/check.h"
#include "net/head_cache.h"
#include "net/head_referee.h"
#include "net/http_head.h"

namespace ringcast {
namespace {

using State = HeadScanner::State;

bool same(const HeadScanner& a, State sa, const HeadScanner& b, State sb) {
  return sa == sb && a.error() == b.error() && a.idle() == b.idle() &&
         (sa != State::complete || a.consumed() == b.consumed());
}

void check_cuts(std::string_view bytes, std::size_t split, const HeadScanner& whole, State state) {
  HeadScanner cut;
  State cut_state = cut.scan(bytes.substr(0, split));
  if (cut_state == State::needs_more) cut_state = cut.scan(bytes);
  RINGCAST_CHECK(same(whole, state, cut, cut_state));

  HeadScanner slow;
  State slow_state = State::needs_more;
  for (std::size_t n = 1; n <= bytes.size() && slow_state == State::needs_more; ++n) {
    slow_state = slow.scan(bytes.substr(0, n));
  }
  RINGCAST_CHECK(same(whole, state, slow, slow_state));
}

void check_line_breaks(std::string_view head) {
  RINGCAST_CHECK(head.ends_with("\r\n\r\n"));
  RINGCAST_CHECK(head.find("\r\n\r\n") == head.size() - 4);
  for (std::size_t i = 0; i < head.size(); ++i) {
    const auto byte = static_cast<unsigned char>(head[i]);
    RINGCAST_CHECK(byte != '\n' || (i > 0 && head[i - 1] == '\r'));
    RINGCAST_CHECK(byte != '\r' || (i + 1 < head.size() && head[i + 1] == '\n'));
    RINGCAST_CHECK(byte >= 0x20 || byte == '\t' || byte == '\r' || byte == '\n');
    RINGCAST_CHECK(byte != 0x7f);
  }
}

bool inside(std::string_view part, std::string_view head) {
  return part.empty() || part == "/" ||
         (part.data() >= head.data() && part.data() + part.size() <= head.data() + head.size());
}

void check_meaning(std::string_view text, const RequestHead& head) {
  RINGCAST_CHECK(!(head.chunked && head.content_length));
  RINGCAST_CHECK(!head.chunked || head.version_minor == 1);
  RINGCAST_CHECK(head.count("host") <= 1 && head.count("content-length") <= 1);
  RINGCAST_CHECK(head.count("host") == 1 || head.version_minor == 0);
  RINGCAST_CHECK(head.chunked == (head.count("transfer-encoding") == 1));
  RINGCAST_CHECK(head.content_length.has_value() == (head.count("content-length") == 1));
  for (std::string_view part : {head.method_text, head.target, head.path, head.query, head.host}) {
    RINGCAST_CHECK(inside(part, text));
  }
  const std::size_t line = text.find("\r\n") + 2;
  RINGCAST_CHECK(llhttp_agrees(text.substr(line), head));
}

// The plainest way to write the same head must mean the same.
void check_round_trip(const RequestHead& head) {
  std::string text = std::string(head.method_text) + " " + std::string(head.target) + " HTTP/1." +
                     std::to_string(head.version_minor) + "\r\n";
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    text += std::string(head.field(i).name) + ":" + std::string(head.field(i).value) + "\r\n";
  }
  text += "\r\n";
  RequestHead again;
  RINGCAST_CHECK(!parse_head(text, again));
  RINGCAST_CHECK(again.method == head.method && again.target == head.target);
  RINGCAST_CHECK(again.path == head.path && again.query == head.query && again.host == head.host);
  RINGCAST_CHECK(again.content_length == head.content_length && again.chunked == head.chunked);
  RINGCAST_CHECK(again.keep_alive == head.keep_alive);
  RINGCAST_CHECK(again.expect_continue == head.expect_continue);
  RINGCAST_CHECK(again.field_count() == head.field_count());
}

// A head that comes again is what it was, wherever it lies now.
void check_again(std::string_view text, const RequestHead& head) {
  static HeadCache cache;  // with what was kept before, as on a server
  cache.keep(text, head);
  const std::string input = std::string(text) + "behind";
  if (text.size() > HeadCache::kMostBytes || head.field_count() > HeadCache::kMostFields) return;
  RINGCAST_CHECK(cache.match(input) == text.size());
  RINGCAST_CHECK(cache.match(std::string_view(input).substr(0, text.size() - 1)) == 0);
  RINGCAST_CHECK(cache.match(input) == text.size());
  const std::string_view place = std::string_view(input).substr(0, text.size());
  RequestHead again;
  cache.restore(place, again);
  check_meaning(place, again);
  RINGCAST_CHECK(again.method == head.method && again.method_text == head.method_text);
  RINGCAST_CHECK(again.target == head.target && again.path == head.path);
  RINGCAST_CHECK(again.query == head.query && again.host == head.host);
  RINGCAST_CHECK(again.content_length == head.content_length && again.chunked == head.chunked);
  RINGCAST_CHECK(again.keep_alive == head.keep_alive && again.version_minor == head.version_minor);
  RINGCAST_CHECK(again.expect_continue == head.expect_continue);
  RINGCAST_CHECK(again.field_count() == head.field_count());
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    RINGCAST_CHECK(again.field(i).name == head.field(i).name);
    RINGCAST_CHECK(again.field(i).value == head.field(i).value);
  }
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  HeadScanner scanner;
  const State state = scanner.scan(bytes);
  if (bytes.size() < 2000) check_cuts(bytes, data[0] % (bytes.size() + 1), scanner, state);

  // The parser on its own takes nothing that the scanner refuses.
  RequestHead head;
  if (!parse_head(bytes, head)) {
    const bool limited = scanner.error().status == 431 || scanner.error().status == 414 ||
                         scanner.error().status == 501;
    RINGCAST_CHECK(limited || (state == State::complete && scanner.consumed() == bytes.size()));
  }
  if (state != State::complete) return 0;

  const std::string_view text = scanner.head(bytes);
  check_line_breaks(text);
  const std::optional<HttpError> error = parse_head(text, head);
  if (error) {
    RINGCAST_CHECK(error->status >= 400 && error->status <= 505 && !error->message.empty());
    return 0;
  }
  check_meaning(text, head);
  check_round_trip(head);
  check_again(text, head);
  return 0;
}

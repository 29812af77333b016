// The chunked decoder: any way to cut the input gives the same result, and the whole of it is what
// a plain reading of the grammar (RFC 9112 §7.1) gives.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/check.h"
#include "net/chunked.h"

namespace ringcast {
namespace {

using State = ChunkedDecoder::State;

struct Result {
  State state = State::more;
  HttpError error;
  std::size_t consumed = 0;
  std::string data;

  bool operator==(const Result&) const = default;
};

void feed(ChunkedDecoder& decoder, std::string_view in, Result& result) {
  while (!in.empty() && decoder.state() == State::more) {
    const ChunkedDecoder::Step step = decoder.decode(in);
    RINGCAST_CHECK(step.consumed > 0 || step.state == State::failed);
    RINGCAST_CHECK(step.consumed <= in.size());
    RINGCAST_CHECK(step.data.empty() ||
                   step.data.data() + step.data.size() == in.data() + step.consumed);
    result.data += step.data;
    result.consumed += step.consumed;
    in.remove_prefix(step.consumed);
  }
  result.state = decoder.state();
  result.error = decoder.error();
}

// A reader of whole bodies that shares nothing with the decoder: lines are cut out first and looked
// at afterwards. Nothing if the body is malformed or not complete.
class PlainReader {
 public:
  explicit PlainReader(std::string_view in) : in_(in) {}

  std::optional<Result> read() {
    while (true) {
      std::string_view line;
      std::uint64_t size = 0;
      if (!take_line(line) || !take_size(line, size) || !extensions(line)) return std::nullopt;
      if (size == 0) break;
      if (size > in_.size() - at_) return std::nullopt;
      result_.data += in_.substr(at_, static_cast<std::size_t>(size));
      at_ += static_cast<std::size_t>(size);
      if (in_.substr(at_, 2) != "\r\n") return std::nullopt;
      at_ += 2;
    }
    for (std::string_view line; take_line(line);) {
      if (line.empty()) {
        result_.state = State::done;
        result_.consumed = at_;
        return result_;
      }
      const std::size_t colon = line.find(':');
      if (colon == std::string_view::npos || !token(line.substr(0, colon))) return std::nullopt;
      if (!text(line.substr(colon + 1))) return std::nullopt;
    }
    return std::nullopt;
  }

 private:
  static bool token(std::string_view s) {
    return !s.empty() && s.find_first_not_of(
                             "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                             "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string_view::npos;
  }
  static bool text(std::string_view s) {
    for (char c : s) {
      if ((c >= 0 && c < ' ' && c != '\t') || c == 0x7f) return false;
    }
    return true;
  }
  bool take_line(std::string_view& line) {
    const std::size_t end = in_.find("\r\n", at_);
    if (end == std::string_view::npos) return false;
    line = in_.substr(at_, end - at_);
    at_ = end + 2;
    return true;
  }
  static bool take_size(std::string_view& line, std::uint64_t& size) {
    const std::size_t digits = line.find_first_not_of("0123456789abcdefABCDEF");
    const std::string number(line.substr(0, digits));
    if (number.empty() || number.size() > 16) return false;
    size = std::stoull(number, nullptr, 16);
    line.remove_prefix(number.size());
    return size >> 63 == 0;
  }
  static bool extensions(std::string_view line) {
    while (!line.empty()) {
      if (line[0] != ';') return false;
      line.remove_prefix(1);
      std::size_t end = std::min(line.find_first_of("=;"), line.size());
      if (!token(line.substr(0, end))) return false;
      line.remove_prefix(end);
      if (!line.starts_with('=')) continue;
      line.remove_prefix(1);
      if (line.starts_with('"')) {
        if (!quoted(line)) return false;
        continue;
      }
      end = std::min(line.find(';'), line.size());
      if (!token(line.substr(0, end))) return false;
      line.remove_prefix(end);
    }
    return true;
  }
  static bool quoted(std::string_view& line) {
    std::size_t i = 1;
    while (i < line.size() && line[i] != '"') i += line[i] == '\\' ? 2 : 1;
    if (i >= line.size() || !text(line.substr(0, i))) return false;
    line.remove_prefix(i + 1);
    return true;
  }

  std::string_view in_;
  std::size_t at_ = 0;
  Result result_;
};

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  Result whole;
  ChunkedDecoder decoder;
  feed(decoder, bytes, whole);

  const std::size_t split = data[0] % (bytes.size() + 1);
  Result cut;
  ChunkedDecoder two;
  feed(two, bytes.substr(0, split), cut);
  feed(two, bytes.substr(split), cut);
  RINGCAST_CHECK(cut == whole);

  Result bytewise;
  ChunkedDecoder slow;
  for (char c : bytes) feed(slow, {&c, 1}, bytewise);
  RINGCAST_CHECK(bytewise == whole);

  // Below the smaller of the two limits they cannot be what decides.
  if (bytes.size() <= 1024) {
    const std::optional<Result> plain = PlainReader(bytes).read();
    RINGCAST_CHECK(plain.has_value() == (whole.state == State::done));
    RINGCAST_CHECK(!plain || *plain == whole);
  }
  return 0;
}

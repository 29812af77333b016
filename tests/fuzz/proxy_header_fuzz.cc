// PROXY headers: the verdict does not depend on how the bytes were cut, nor on what follows; a line
// is judged as a plain reading of its grammar judges it, and what a binary one names is what lies
// in it.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "net/proxy_header.h"

namespace ringcast {
namespace {

using State = ProxyHeaderReader::State;

bool same(const ProxyHeaderReader& a, State sa, const ProxyHeaderReader& b, State sb) {
  if (sa != sb) return false;
  if (sa == State::failed) return a.refusal() == b.refusal();
  return sa == State::needs_more ||
         (a.consumed() == b.consumed() && a.header().has_source == b.header().has_source &&
          a.header().source == b.header().source && a.header().tls == b.header().tls);
}

bool plain_port(const std::string& text) {
  if (text.empty() || text.size() > 5) return false;
  if (text.find_first_not_of("0123456789") != std::string::npos) return false;
  return std::to_string(std::stoi(text)) == text && std::stoi(text) <= 65535;
}

// `line` without its end; of a header of version 1.
bool plain_line(const std::string& line) {
  if (line == "PROXY UNKNOWN" || line.starts_with("PROXY UNKNOWN ")) return true;
  std::vector<std::string> words(1);
  for (const char c : line) {
    if (c == ' ') {
      words.emplace_back();
    } else {
      words.back() += c;
    }
  }
  if (words.size() != 6 || (words[1] != "TCP4" && words[1] != "TCP6")) return false;
  const bool v6 = words[1] == "TCP6";
  for (const std::size_t i : {2U, 3U}) {
    const bool colons = words[i].find(':') != std::string::npos;
    const bool none = i == 3 && words[i] == "::";
    if (colons != v6 || (!none && !ClientAddress::parse(words[i]))) return false;
  }
  return plain_port(words[4]) && plain_port(words[5]);
}

void check_complete(std::string_view bytes, const ProxyHeaderReader& reader) {
  const ProxyHeader& header = reader.header();
  const std::size_t size = reader.consumed();
  RINGCAST_CHECK(size <= bytes.size());
  if (bytes.starts_with("PROXY ")) {
    RINGCAST_CHECK(size <= ProxyHeaderReader::kMostLineBytes);
    RINGCAST_CHECK(bytes.substr(size - 2, 2) == "\r\n");
    RINGCAST_CHECK(plain_line(std::string(bytes.substr(0, size - 2))));
    return;
  }
  RINGCAST_CHECK(size >= 16 && size <= ProxyHeaderReader::kMostBytes);
  const auto command = static_cast<std::uint8_t>(bytes[12]);
  const auto kind = static_cast<std::uint8_t>(bytes[13]);
  RINGCAST_CHECK(command == 0x20 || command == 0x21);
  const bool names = command == 0x21 && (kind >> 4) != 0 && (kind & 0xf) != 0;
  RINGCAST_CHECK(header.has_source == names);
  RINGCAST_CHECK(names || !header.tls);
  if (!names) return;
  const std::uint8_t* const source = header.source.bytes.data();
  const int family = kind >> 4;
  if (family == 1) RINGCAST_CHECK(std::memcmp(source + 12, bytes.data() + 16, 4) == 0);
  if (family == 2) RINGCAST_CHECK(std::memcmp(source, bytes.data() + 16, 16) == 0);
  RINGCAST_CHECK(header.source.unix_socket() == (family == 3));
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  ProxyHeaderReader whole;
  const State state = whole.read(bytes);

  ProxyHeaderReader cut;
  State cut_state = cut.read(bytes.substr(0, bytes.size() * data[0] / 256));
  if (cut_state == State::needs_more) cut_state = cut.read(bytes);
  RINGCAST_CHECK(same(whole, state, cut, cut_state));

  if (state == State::complete) {
    check_complete(bytes, whole);
    ProxyHeaderReader exact;
    RINGCAST_CHECK(same(whole, state, exact, exact.read(bytes.substr(0, whole.consumed()))));
    ProxyHeaderReader less;
    const auto shorter = bytes.substr(0, whole.consumed() - 1);
    RINGCAST_CHECK(less.read(shorter) == State::needs_more);
  }
  const std::size_t end = bytes.find("\r\n");
  const bool line = bytes.starts_with("PROXY ") && end != std::string_view::npos &&
                    end + 2 <= ProxyHeaderReader::kMostLineBytes;
  if (line) {
    const bool right = plain_line(std::string(bytes.substr(0, end)));
    RINGCAST_CHECK(right == (state == State::complete));
  }
  return 0;
}

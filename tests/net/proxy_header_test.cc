#include "net/proxy_header.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace ringcast {
namespace {

using State = ProxyHeaderReader::State;
using namespace std::string_literals;

const std::string kSignature = "\r\n\r\n\0\r\nQUIT\n"s;

struct Verdict {
  State state = State::needs_more;
  std::size_t consumed = 0;
  std::optional<ProxyRefusal> refusal;
  std::string source;  // empty: the socket's
  bool tls = false;

  bool operator==(const Verdict&) const = default;
};

Verdict verdict_of(ProxyHeaderReader& reader, State state) {
  Verdict verdict{.state = state, .refusal = {}, .source = {}};
  if (state == State::failed) verdict.refusal = reader.refusal();
  if (state != State::complete) return verdict;
  verdict.consumed = reader.consumed();
  ClientAddress::TextBuffer text;
  if (reader.header().has_source) verdict.source = reader.header().source.text(text);
  verdict.tls = reader.header().tls;
  return verdict;
}

// However the bytes come, the verdict is the same, and none comes before it can be known.
Verdict read(const std::string& bytes) {
  ProxyHeaderReader whole;
  const Verdict verdict = verdict_of(whole, whole.read(bytes));
  ProxyHeaderReader slow;
  State state = State::needs_more;
  std::size_t size = 0;
  while (state == State::needs_more && size < bytes.size())
    state = slow.read(bytes.substr(0, ++size));
  const Verdict slowly = verdict_of(slow, state);
  EXPECT_EQ(slowly.state, verdict.state);
  EXPECT_EQ(slowly.source, verdict.source);
  EXPECT_EQ(slowly.consumed, verdict.consumed);
  if (state == State::complete) EXPECT_EQ(size, verdict.consumed);
  return verdict;
}

std::string number(std::size_t value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xff)};
}
std::string field(int type, const std::string& value) {
  return static_cast<char>(type) + number(value.size()) + value;
}
std::string binary(int command, int family, const std::string& rest) {
  return kSignature + static_cast<char>(command) + static_cast<char>(family) + number(rest.size()) +
         rest;
}
const std::string kV4 = "\xc0\x00\x02\x2b\xc6\x33\x64\x01\xdc\x04\x01\xbb"s;  // 192.0.2.43
const std::string kV6 = "\x20\x01\x0d\xb8"s + std::string(11, '\0') + "\x07" + "\x20\x01\x0d\xb8"s +
                        std::string(11, '\0') + "\x01" + "\xdc\x04\x01\xbb"s;
const std::string kUnix = "/run/a.sock"s + std::string(97, '\0') + std::string(108, '\0');

// With the checksum that makes it right, or one bit off.
std::string with_checksum(int family, const std::string& rest, bool right = true) {
  std::string bytes = binary(0x21, family, rest + field(3, std::string(4, '\0')));
  const std::size_t at = bytes.size() - 4;
  const std::uint32_t crc = crc32c_without(bytes, at) ^ (right ? 0U : 1U);
  for (std::size_t i = 0; i < 4; ++i) bytes[at + i] = static_cast<char>(crc >> (24 - 8 * i));
  return bytes;
}

TEST(ProxyHeaderTest, LinesThatAreRight) {
  struct Case {
    std::string line, source;
  };
  const Case cases[] = {
      {"PROXY TCP4 192.0.2.43 198.51.100.1 56324 443\r\n", "192.0.2.43"},
      {"PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255"},
      {"PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0"},
      {"PROXY TCP6 2001:db8::7 2001:db8::1 1 65535\r\n", "2001:db8::7"},
      {"PROXY TCP6 2001:DB8:0:0:0:0:0:7 :: 1 2\r\n", "2001:db8::7"},
      {"PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
       "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"},
      {"PROXY TCP6 ::ffff:192.0.2.43 ::1 1 2\r\n", "192.0.2.43"},
      {"PROXY UNKNOWN\r\n", ""},
      {"PROXY UNKNOWN ffff::1 whatever \x01 65535\r\n", ""},
      {"PROXY UNKNOWN " + std::string(91, 'x') + "\r\n", ""},  // 107 bytes
  };
  for (const Case& each : cases) {
    const Verdict verdict = read(each.line);
    EXPECT_EQ(verdict.state, State::complete) << each.line;
    EXPECT_EQ(verdict.source, each.source) << each.line;
    EXPECT_EQ(read(each.line + "GET / HTTP/1.1\r\n").consumed, each.line.size());
  }
}

TEST(ProxyHeaderTest, LinesThatAreWrong) {
  using enum ProxyRefusal;
  const std::pair<std::string, ProxyRefusal> cases[] = {
      {"GET / HTTP/1.1\r\n", malformed},
      {"PROXx", malformed},
      {"proxy TCP4 1.1.1.1 2.2.2.2 1 2\r\n", malformed},
      {" PROXY UNKNOWN\r\n", malformed},
      {"PROXY\r\n", malformed},
      {"PROXY \r\n", malformed},
      {"PROXY  UNKNOWN\r\n", malformed},
      {"PROXY UNKNOWNX\r\n", malformed},
      {"PROXY unknown\r\n", malformed},
      {"PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP5 1.1.1.1 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP4\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n", malformed},
      {"PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1\t2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.256 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 02.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 002\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 +1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 65536\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 \r\n", malformed},
      {"PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n", malformed},
      {"PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP6 2001:db8::1 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP6 2001:db8::1::2 2001:db8::2 1 2\r\n", malformed},
      {"PROXY TCP6 20011:db8::1 2001:db8::2 1 2\r\n", malformed},
      {"PROXY TCP6 [2001:db8::1] 2001:db8::2 1 2\r\n", malformed},
      {"PROXY TCP6 fe80::1%eth0 2001:db8::2 1 2\r\n", malformed},
      {"PROXY TCP6 :: 2001:db8::2 1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1"s + '\0' + " 2.2.2.2 1 2\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\n\r\n", malformed},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\r\n", malformed},
      {"PROXY UNKNOWN " + std::string(92, 'x') + "\r\n", too_long},
      {"PROXY UNKNOWN\n" + std::string(93, 'x'), too_long},
      {"PROXY TCP4 1.1.1.1 2.2.2.2 1 2" + std::string(100, ' '), too_long},
  };
  for (const auto& [line, reason] : cases) EXPECT_EQ(read(line).refusal, reason) << line;
}

TEST(ProxyHeaderTest, BinaryThatIsRight) {
  struct Case {
    std::string bytes, source;
    bool tls = false;
  };
  const std::string tls = field(0x20, "\x01\0\0\0\0"s + field(0x21, "TLSv1.3"));
  const std::string no_tls = field(0x20, "\0\0\0\0\0"s);
  const Case cases[] = {
      {binary(0x21, 0x11, kV4), "192.0.2.43"},
      {binary(0x21, 0x12, kV4), "192.0.2.43"},  // a client over QUIC
      {binary(0x21, 0x21, kV6), "2001:db8::7"},
      {binary(0x21, 0x22, kV6), "2001:db8::7"},
      {binary(0x21, 0x31, kUnix), "unix:"},
      {binary(0x21, 0x32, kUnix), "unix:"},
      {binary(0x20, 0x00, ""), ""},   // a health check
      {binary(0x20, 0x11, kV4), ""},  // the addresses of one do not count
      {binary(0x20, 0x11, "short"), ""},
      {binary(0x21, 0x00, ""), ""},
      {binary(0x21, 0x00, "anything at all"), ""},
      {binary(0x21, 0x01, "anything at all"), ""},
      {binary(0x21, 0x10, kV4), ""},
      {binary(0x21, 0x11, kV4 + field(4, "") + field(2, "example.org") + field(0xe0, "mine")),
       "192.0.2.43"},
      {binary(0x21, 0x11, kV4 + tls), "192.0.2.43", true},
      {binary(0x21, 0x11, kV4 + no_tls), "192.0.2.43"},
      {binary(0x20, 0x11, kV4 + tls), ""},
      {with_checksum(0x11, kV4), "192.0.2.43"},
      {with_checksum(0x21, kV6 + tls), "2001:db8::7", true},
      {with_checksum(0x31, kUnix), "unix:"},
      {with_checksum(0x00, ""), ""},
      {binary(0x21, 0x11, kV4 + field(4, std::string(4096 - 16 - 12 - 3, 'x'))), "192.0.2.43"},
  };
  for (const Case& each : cases) {
    const Verdict verdict = read(each.bytes);
    EXPECT_EQ(verdict.state, State::complete) << testing::PrintToString(each.bytes);
    EXPECT_EQ(verdict.source, each.source) << testing::PrintToString(each.bytes);
    EXPECT_EQ(verdict.tls, each.tls);
    EXPECT_EQ(read(each.bytes + "GET /").consumed, each.bytes.size());
  }
}

TEST(ProxyHeaderTest, BinaryThatIsWrong) {
  using enum ProxyRefusal;
  const std::pair<std::string, ProxyRefusal> cases[] = {
      {"\r\n\r\nGET / HTTP/1.1\r\n", malformed},
      {kSignature.substr(0, 11) + "x", malformed},
      {binary(0x11, 0x11, kV4), unsupported},
      {binary(0x31, 0x11, kV4), unsupported},
      {binary(0x22, 0x11, kV4), unsupported},
      {binary(0x2f, 0x11, kV4), unsupported},
      {binary(0x21, 0x41, kV4), malformed},
      {binary(0x21, 0xf1, kV4), malformed},
      {binary(0x21, 0x13, kV4), malformed},
      {binary(0x21, 0x1f, kV4), malformed},
      {binary(0x21, 0x11, kV4.substr(1)), malformed},
      {binary(0x21, 0x21, kV6.substr(1)), malformed},
      {binary(0x21, 0x31, kUnix.substr(1)), malformed},
      {binary(0x21, 0x21, std::string(36, '\0')), malformed},  // `::`
      {binary(0x21, 0x11, kV4 + "\x04"), malformed},
      {binary(0x21, 0x11, kV4 + "\x04\0\x02x"s), malformed},
      {binary(0x21, 0x11, kV4 + field(3, "abc")), malformed},
      {binary(0x21, 0x11, kV4 + field(0x20, "\x01")), malformed},
      {with_checksum(0x11, kV4, false), checksum},
      {with_checksum(0x00, "", false), checksum},
      {with_checksum(0x11, kV4 + field(3, "abcd")), malformed},  // two of them
      {kSignature + "\x21\x11\x0f\xf1"s, too_long},              // 4097 bytes
      {kSignature + "\x21\x11\xff\xff"s, too_long},
  };
  for (const auto& [bytes, reason] : cases) {
    EXPECT_EQ(read(bytes).refusal, reason) << testing::PrintToString(bytes);
  }
  std::string flipped = with_checksum(0x11, kV4);
  flipped[20] ^= 1;
  EXPECT_EQ(read(flipped).refusal, checksum);
}

TEST(ProxyHeaderTest, NothingIsKnownBeforeTheLastByte) {
  for (const std::string& bytes :
       {"PROXY TCP4 192.0.2.43 198.51.100.1 56324 443\r\n"s, with_checksum(0x21, kV6)}) {
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      EXPECT_EQ(read(bytes.substr(0, size)).state, State::needs_more) << size;
    }
  }
}

// RFC 9260 Appendix A's polynomial; the check value is that of the catalogue of CRCs.
TEST(ProxyHeaderTest, Checksum) {
  EXPECT_EQ(crc32c_without("123456789", 9), 0xe3069283U);
  EXPECT_EQ(crc32c_without("12\xff\xff\xff\xff"s, 2), crc32c_without("12\0\0\0\0"s, 6));
}

}  // namespace
}  // namespace ringcast

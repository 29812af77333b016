#include "net/proxy_header.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

namespace ringcast {
namespace {

constexpr std::string_view kLineBegin = "PROXY ";
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kFixedBytes = 16;  // signature, version and command, family, length

constexpr std::uint8_t kVersion = 2;
constexpr std::uint8_t kLocal = 0;
constexpr std::uint8_t kProxy = 1;
constexpr std::uint8_t kInet = 1;
constexpr std::uint8_t kInet6 = 2;
constexpr std::uint8_t kUnix = 3;
constexpr std::uint8_t kDatagram = 2;
constexpr std::array<std::size_t, 4> kAddressBytes = {0, 12, 36, 216};  // by family

constexpr std::uint8_t kChecksumField = 0x03;
constexpr std::uint8_t kTlsField = 0x20;
constexpr std::size_t kTlsFieldBytes = 5;  // flags of the client, and how its certificate was
constexpr std::uint8_t kClientSpeaksTls = 0x01;

constexpr std::array<std::uint32_t, 256> kCrcTable = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t rest = i;
    for (int bit = 0; bit < 8; ++bit) rest = (rest >> 1) ^ ((rest & 1) != 0 ? 0x82f63b78U : 0);
    table[i] = rest;
  }
  return table;
}();

std::uint8_t byte_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint8_t>(bytes[at]);
}

std::size_t length_at(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(byte_at(bytes, at)) << 8 | byte_at(bytes, at + 1);
}

// What stands before the next space; false if none comes.
bool take_word(std::string_view& line, std::string_view& word) {
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return false;
  word = line.substr(0, space);
  line.remove_prefix(space + 1);
  return true;
}

bool is_address(std::string_view text, bool v6) {
  // `::` is no client's address, yet one that may stand there.
  return text.contains(':') == v6 && (text == "::" || ClientAddress::parse(text));
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), port);
  return error == std::errc{} && end == text.end() && (text.size() == 1 || text.front() != '0');
}

}  // namespace

std::string_view proxy_refusal_name(ProxyRefusal reason) {
  constexpr std::string_view kNames[] = {"untrusted",   "timeout",  "cut_off", "malformed",
                                         "unsupported", "too_long", "checksum"};
  return kNames[static_cast<std::size_t>(reason)];
}

std::uint32_t crc32c_without(std::string_view bytes, std::size_t skipped) {
  std::uint32_t crc = ~0U;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const bool zero = i >= skipped && i < skipped + 4;
    crc = kCrcTable[(crc ^ (zero ? 0U : byte_at(bytes, i))) & 0xff] ^ (crc >> 8);
  }
  return ~crc;
}

ProxyHeaderReader::State ProxyHeaderReader::refuse(ProxyRefusal reason) {
  refusal_ = reason;
  return State::failed;
}

ProxyHeaderReader::State ProxyHeaderReader::read(std::string_view bytes) {
  header_ = {};
  const auto begins_like = [bytes](std::string_view known) {
    return bytes.substr(0, known.size()) == known.substr(0, bytes.size());
  };
  if (bytes.empty()) return State::needs_more;
  if (begins_like(kLineBegin)) return read_line(bytes);
  if (begins_like(kSignature)) return read_binary(bytes);
  return refuse(ProxyRefusal::malformed);
}

ProxyHeaderReader::State ProxyHeaderReader::read_line(std::string_view bytes) {
  const std::size_t end = bytes.substr(0, kMostLineBytes).find("\r\n");
  if (end == std::string_view::npos) {
    return bytes.size() < kMostLineBytes ? State::needs_more : refuse(ProxyRefusal::too_long);
  }
  consumed_ = end + 2;
  if (!read_addresses(bytes.substr(0, end))) return refuse(ProxyRefusal::malformed);
  return State::complete;
}

// `PROXY TCP4 192.0.2.1 198.51.100.1 56324 443`
bool ProxyHeaderReader::read_addresses(std::string_view line) {
  line.remove_prefix(std::min(kLineBegin.size(), line.size()));
  constexpr std::string_view kUnknown = "UNKNOWN";
  // Whatever follows is to be ignored.
  if (line == kUnknown || line.starts_with("UNKNOWN ")) return true;
  std::string_view family;
  std::string_view source;
  std::string_view destination;
  std::string_view source_port;
  if (!take_word(line, family) || !take_word(line, source) || !take_word(line, destination) ||
      !take_word(line, source_port)) {
    return false;
  }
  const bool v6 = family == "TCP6";
  if (!v6 && family != "TCP4") return false;
  if (!is_address(source, v6) || !is_address(destination, v6)) return false;
  if (!is_port(source_port) || !is_port(line)) return false;
  const auto address = ClientAddress::parse(source);
  if (!address) return false;
  header_.has_source = true;
  header_.source = *address;
  return true;
}

ProxyHeaderReader::State ProxyHeaderReader::read_binary(std::string_view bytes) {
  // What is wrong is said as soon as it is certain.
  const std::uint8_t version = bytes.size() > 12 ? byte_at(bytes, 12) : kVersion << 4;
  const std::uint8_t command = version & 0xf;
  if (version >> 4 != kVersion || command > kProxy) return refuse(ProxyRefusal::unsupported);
  const std::uint8_t kind = bytes.size() > 13 ? byte_at(bytes, 13) : 0;
  const std::uint8_t family = kind >> 4;
  const std::uint8_t transport = kind & 0xf;
  if (family > kUnix || transport > kDatagram) return refuse(ProxyRefusal::malformed);
  if (bytes.size() < kFixedBytes) return State::needs_more;
  const std::size_t size = kFixedBytes + length_at(bytes, 14);
  if (size > kMostBytes) return refuse(ProxyRefusal::too_long);
  const std::size_t fields = kFixedBytes + kAddressBytes[family];
  if (size < fields && command == kProxy) return refuse(ProxyRefusal::malformed);
  if (bytes.size() < size) return State::needs_more;
  consumed_ = size;
  // Of which form the addresses are is said only by both, family and transport.
  const bool known = family != 0 && transport != 0;
  refusal_ = ProxyRefusal::malformed;
  if (size >= fields && !read_fields(bytes.substr(0, size), fields, known)) return State::failed;
  if (command == kLocal || !known) {
    header_ = {};
    return State::complete;
  }
  const char* const address = bytes.data() + kFixedBytes;
  header_.has_source = true;
  if (family == kInet) {
    header_.source = ClientAddress::of_v4(address);
  } else if (family == kInet6) {
    std::memcpy(header_.source.bytes.data(), address, header_.source.bytes.size());
    if (header_.source.unix_socket()) return refuse(ProxyRefusal::malformed);
  } else {
    header_.source.elsewhere = true;  // a Unix socket of the proxy, not of ours
  }
  return State::complete;
}

// The fields behind the addresses. False: wrong, for the reason in refusal_. Where it is not
// certain that they begin there, only a checksum that is one can be wrong.
bool ProxyHeaderReader::read_fields(std::string_view header, std::size_t begin, bool certain) {
  constexpr std::size_t kHeadBytes = 3;  // type and length
  std::size_t checksum = 0;
  for (std::size_t at = begin; at < header.size();) {
    if (header.size() - at < kHeadBytes) return !certain;
    const std::uint8_t type = byte_at(header, at);
    const std::size_t length = length_at(header, at + 1);
    at += kHeadBytes;
    if (header.size() - at < length) return !certain;
    if (type == kChecksumField) {
      if (length != 4 || checksum != 0) return !certain;
      checksum = at;
    }
    if (type == kTlsField) {
      if (length < kTlsFieldBytes) return !certain;
      header_.tls = (byte_at(header, at) & kClientSpeaksTls) != 0;
    }
    at += length;
  }
  if (checksum == 0) return true;
  const std::size_t told = length_at(header, checksum) << 16 | length_at(header, checksum + 2);
  if (told == crc32c_without(header, checksum)) return true;
  refusal_ = ProxyRefusal::checksum;
  return false;
}

}  // namespace ringcast

// permessage-deflate: any bytes inflate within their bound, the same however they are cut; what is
// compressed comes back; what is agreed on is within the offer.
//
// The input's first byte says what the rest is: offers, compressed bytes or a message.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "net/websocket_deflate.h"
#include "net/websocket_extensions.h"
#include "net/websocket_inflater.h"

namespace ringcast {
namespace {

using Outcome = Inflater::Outcome;
constexpr std::uint64_t kMost = 1 << 14;

struct Inflated {
  Outcome outcome = Outcome::ok;
  std::string text;
};

// Twice the same message: the second one meets what the first has left behind.
Inflated inflate_in_pieces(std::string_view bytes, std::size_t piece, bool keep) {
  Inflater inflater(keep);
  Inflated result;
  for (int round = 0; round < 2; ++round) {
    Buffer out;
    for (std::size_t at = 0; at < bytes.size() && result.outcome == Outcome::ok; at += piece) {
      result.outcome = inflater.inflate(bytes.substr(at, piece), out, kMost);
    }
    if (result.outcome == Outcome::ok) result.outcome = inflater.finish(out, kMost);
    RINGCAST_CHECK(out.size() <= kMost + 1);
    RINGCAST_CHECK(result.outcome == Outcome::too_big || out.size() <= kMost);
    if (result.outcome != Outcome::ok) return result;
    result.text += out.view();
  }
  return result;
}

void check_inflating(std::string_view bytes, unsigned choice) {
  const bool keep = (choice & 4U) != 0;
  const Inflated whole = inflate_in_pieces(bytes, bytes.size() + 1, keep);
  for (const std::size_t piece : {std::size_t{1}, std::size_t{1} + (choice >> 4)}) {
    const Inflated cut = inflate_in_pieces(bytes, piece, keep);
    // Which of two faults is met first may depend on the cut, but not that there is one.
    RINGCAST_CHECK((cut.outcome == Outcome::ok) == (whole.outcome == Outcome::ok));
    if (whole.outcome == Outcome::ok) RINGCAST_CHECK(cut.text == whole.text);
  }
}

void check_round_trip(std::string_view bytes, unsigned choice) {
  const bool keep = (choice & 4U) != 0;
  const DeflateOptions options{.window_bits = 9 + static_cast<int>(choice >> 3) % 7,
                               .level = 1 + static_cast<int>(choice >> 5),
                               .keep_context = keep};
  Deflater deflater(options);
  Inflater inflater(keep);
  const std::size_t half = bytes.size() / 2;
  for (const std::string_view message :
       {bytes, bytes.substr(half), bytes.substr(0, half), std::string_view{}, bytes}) {
    Buffer compressed;
    std::vector<char> same;
    RINGCAST_CHECK(deflater.compress(message, compressed));
    if (!keep) {
      RINGCAST_CHECK(deflater.compress(message, same));
      RINGCAST_CHECK(std::ranges::equal(same, compressed.view()));
    }
    Buffer out;
    RINGCAST_CHECK(inflater.inflate(compressed.view(), out, 1 << 24) == Outcome::ok);
    RINGCAST_CHECK(inflater.finish(out, 1 << 24) == Outcome::ok);
    RINGCAST_CHECK(out.view() == message);
  }
}

void check_negotiation(std::string_view offers, unsigned choice) {
  const DeflatePolicy policy{.server_no_context_takeover = (choice & 4U) != 0,
                             .client_no_context_takeover = (choice & 8U) != 0,
                             .server_max_window_bits = 9 + static_cast<int>(choice >> 4) % 7,
                             .client_max_window_bits = 8 + static_cast<int>(choice >> 4) % 8};
  if (const auto agreed = negotiate_deflate(offers, policy)) {
    RINGCAST_CHECK(agreed->server_max_window_bits >= 9);
    RINGCAST_CHECK(agreed->server_max_window_bits <= policy.server_max_window_bits);
    RINGCAST_CHECK(agreed->client_max_window_bits >= 8 && agreed->client_max_window_bits <= 15);
    RINGCAST_CHECK(offers.find("permessage-deflate") != std::string_view::npos);
    RINGCAST_CHECK(agreed->client_max_window_bits == 15 ||
                   offers.find("client_max_window_bits") != std::string_view::npos);
    const std::string answer = extension_header(*agreed);
    auto read = read_deflate_answer(answer);
    RINGCAST_CHECK(read);
    read->says_server_bits = agreed->says_server_bits;
    RINGCAST_CHECK(*read == *agreed);
  }
  WsExtensionReader reader(offers);
  std::size_t count = 0;
  for (WsExtension extension; reader.next(extension);) {
    RINGCAST_CHECK(!extension.name.empty() && ++count <= offers.size());
  }
  WsExtension none;
  RINGCAST_CHECK(!reader.next(none));
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast;
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] & 3U) {
    case 0:
      check_inflating(bytes, data[0]);
      break;
    case 1:
      check_round_trip(bytes, data[0]);
      break;
    default:
      check_negotiation(bytes, data[0]);
  }
  return 0;
}

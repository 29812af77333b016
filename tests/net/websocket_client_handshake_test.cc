#include "net/websocket_client_handshake.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringcast {
namespace {

// The example of RFC 6455 §1.3.
constexpr std::string_view kKey = "dGhlIHNhbXBsZSBub25jZQ==";
constexpr const char* kAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

ClientResponse answer(const std::vector<ClientHeader>& more = {}) {
  ClientResponse response{.status = 101,
                          .reason = "Switching Protocols",
                          .headers = {{"upgrade", "WebSocket"},
                                      {"connection", "keep-alive, Upgrade"},
                                      {"sec-websocket-accept", kAccept}}};
  response.headers.insert(response.headers.end(), more.begin(), more.end());
  return response;
}

std::string problem(const ClientResponse& response, bool compress = true) {
  const auto agreed = read_upgrade_answer(response, kKey, compress);
  return agreed ? "" : agreed.error().message;
}

TEST(WebSocketClientHandshake, MakesKeysThatDiffer) {
  const std::string key = random_websocket_key();
  EXPECT_EQ(key.size(), 24U);
  EXPECT_TRUE(key.ends_with("=="));
  EXPECT_NE(key, random_websocket_key());
}

TEST(WebSocketClientHandshake, OffersCompressionOnlyIfWanted) {
  EXPECT_EQ(upgrade_headers(kKey, false).size(), 4U);
  EXPECT_EQ(upgrade_headers(kKey, true).back().name, "Sec-WebSocket-Extensions");
}

TEST(WebSocketClientHandshake, TakesWhatWasAsked) {
  EXPECT_EQ(problem(answer(), false), "");
  EXPECT_FALSE(read_upgrade_answer(answer(), kKey, true)->has_value()) << "declined";
  const auto agreed = read_upgrade_answer(
      answer({{"Sec-WebSocket-Extensions",
               "permessage-deflate; server_no_context_takeover; client_max_window_bits=10"}}),
      kKey, true);
  ASSERT_TRUE(agreed && *agreed);
  EXPECT_TRUE((*agreed)->server_no_context_takeover);
  EXPECT_EQ((*agreed)->client_max_window_bits, 10);
}

TEST(WebSocketClientHandshake, RefusesWhatWasNot) {
  ClientResponse response = answer();
  response.status = 200;
  EXPECT_NE(problem(response), "");
  for (std::size_t n = 0; n < 3; ++n) {
    response = answer();
    response.headers[n].value = "something";
    EXPECT_NE(problem(response), "") << response.headers[n].name;
    response.headers.erase(response.headers.begin() + static_cast<std::ptrdiff_t>(n));
    EXPECT_NE(problem(response), "") << n;
  }
  EXPECT_NE(problem(answer({{"Sec-WebSocket-Accept", kAccept}})), "") << "twice";
  EXPECT_NE(problem(answer({{"Sec-WebSocket-Protocol", "chat"}})), "");
  const ClientHeader deflate{"Sec-WebSocket-Extensions", "permessage-deflate"};
  EXPECT_EQ(problem(answer({deflate}), true), "");
  EXPECT_NE(problem(answer({deflate}), false), "") << "not offered";
  EXPECT_NE(problem(answer({deflate, deflate}), true), "");
  EXPECT_NE(problem(answer({{"Sec-WebSocket-Extensions", "x-webkit-deflate-frame"}})), "");
  EXPECT_NE(problem(answer({{"Sec-WebSocket-Extensions", "permessage-deflate; x=1"}})), "");
}

}  // namespace
}  // namespace ringcast

#include "net/websocket_handshake.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace ringcast {
namespace {

using Lines = std::vector<std::string>;

const Lines kGood = {"Host: example.test", "Upgrade: websocket", "Connection: Upgrade",
                     "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"};

// Without the lines of that name, and with more at the end.
Lines changed(std::string_view name, const Lines& more) {
  Lines lines;
  for (const std::string& line : kGood) {
    if (!line.starts_with(name)) lines.push_back(line);
  }
  lines.insert(lines.end(), more.begin(), more.end());
  return lines;
}

class Request {
 public:
  explicit Request(const Lines& lines, std::string_view first = "GET /chat HTTP/1.1") {
    text_ = std::string(first) + "\r\n";
    for (const std::string& line : lines) text_ += line + "\r\n";
    text_ += "\r\n";
    parsed_ = !parse_head(text_, head_);
  }
  const RequestHead& head() const { return head_; }
  // 101, or the status of the error.
  int status() const {
    if (!parsed_) return 400;
    const auto upgrade = read_upgrade(head_);
    return upgrade ? 101 : upgrade.error().status;
  }

 private:
  std::string text_;
  RequestHead head_;
  bool parsed_ = false;
};

TEST(WebSocketHandshake, AnswersTheStandardsExample) {
  EXPECT_EQ(accept_for_key("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  const Request request(changed("none", {"Sec-WebSocket-Protocol: superchat, chat"}));
  const auto upgrade = read_upgrade(request.head());
  ASSERT_TRUE(upgrade);
  EXPECT_EQ(upgrade_response(*upgrade),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n");
  const ResponseHeader extra[] = {{"Set-Cookie", "a=b"}};
  EXPECT_EQ(upgrade_response(*upgrade, "chat", DeflateParameters{}, extra),
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nSec-WebSocket-Protocol: chat\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\nSet-Cookie: a=b\r\n\r\n");
}

TEST(WebSocketHandshake, TakesWhatIsWrittenInOtherWays) {
  EXPECT_EQ(Request(kGood).status(), 101);
  const Lines upgrades[] = {
      changed("Upgrade", {"uPgRaDe: WebSocket"}),
      changed("Upgrade", {"Upgrade: h2c, websocket"}),
      changed("Upgrade", {"Upgrade: h2c", "Upgrade: websocket"}),
      changed("Connection", {"Connection: keep-alive,UPGRADE"}),
      changed("Connection", {"Connection: keep-alive", "Connection: upgrade"}),
      changed("Sec-WebSocket-Key", {"sec-websocket-key:AQIDBAUGBwgJCgsMDQ4PEC==  "}),
      changed("none", {"Origin: http://elsewhere.test"}),
      changed("none", {"Content-Length: 0"}),
      changed("none", {"Sec-WebSocket-Extensions:"}),
      changed("none", {"Sec-WebSocket-Extensions: foo;bar=\"b\\az\" , baz"}),
  };
  for (const Lines& lines : upgrades) EXPECT_EQ(Request(lines).status(), 101) << lines.back();
}

TEST(WebSocketHandshake, RefusesEverythingElse) {
  struct Case {
    int status;
    Lines lines;
  };
  const Case cases[] = {
      {400, changed("Host", {})},
      {426, changed("Upgrade", {})},
      {426, changed("Upgrade", {"Upgrade: websockets"})},
      {400, changed("Connection", {})},
      {400, changed("Connection", {"Connection: keep-alive"})},
      {400, changed("Sec-WebSocket-Key", {})},
      {400, changed("Sec-WebSocket-Key", {"Sec-WebSocket-Key:"})},
      {400, changed("Sec-WebSocket-Key", {"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ="})},
      {400, changed("Sec-WebSocket-Key", {"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQAA"})},
      {400, changed("Sec-WebSocket-Key", {"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j!Q=="})},
      {400, changed("Sec-WebSocket-Key", {"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZZZZQ=="})},
      {400, changed("none", {"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="})},
      {426, changed("Sec-WebSocket-Version", {})},
      {426, changed("Sec-WebSocket-Version", {"Sec-WebSocket-Version: 12"})},
      {426, changed("Sec-WebSocket-Version", {"Sec-WebSocket-Version: 013"})},
      {426, changed("Sec-WebSocket-Version", {"Sec-WebSocket-Version: 13, 8"})},
      {400, changed("none", {"Sec-WebSocket-Version: 13"})},
      {400, changed("none", {"Sec-WebSocket-Protocol: a b"})},
      {400, changed("none", {"Sec-WebSocket-Protocol: a, (b)"})},
      {400, changed("none", {"Sec-WebSocket-Extensions: a;"})},
      {400, changed("none", {"Sec-WebSocket-Extensions: a; b="})},
      {400, changed("none", {"Sec-WebSocket-Extensions: a; b=\"c"})},
      {400, changed("none", {"Sec-WebSocket-Extensions: a; b=\"\""})},
      {400, changed("none", {"Sec-WebSocket-Extensions: a; b=\"c d\""})},
      {400, changed("none", {"Sec-WebSocket-Extensions: a b"})},
      {400, changed("none", {"Content-Length: 3"})},
      {400, changed("none", {"Transfer-Encoding: chunked"})},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(Request(each.lines).status(), each.status) << testing::PrintToString(each.lines);
  }
  EXPECT_EQ(Request(kGood, "POST /chat HTTP/1.1").status(), 405);
  EXPECT_EQ(Request(kGood, "HEAD /chat HTTP/1.1").status(), 405);
  EXPECT_EQ(Request(kGood, "GET /chat HTTP/1.0").status(), 426);
  EXPECT_TRUE(wants_upgrade(Request(changed("Connection", {})).head()));
  EXPECT_FALSE(wants_upgrade(Request(changed("Upgrade", {})).head()));
}

TEST(WebSocketHandshake, ChoosesASubprotocolInTheClientsOrder) {
  const Request request(
      changed("none", {"Sec-WebSocket-Protocol: v3, v2", "sec-websocket-protocol: v1"}));
  const auto upgrade = read_upgrade(request.head());
  ASSERT_TRUE(upgrade);
  const std::string_view ours[] = {"v1", "v2"};
  EXPECT_EQ(upgrade->choose_subprotocol(ours), "v2");
  EXPECT_TRUE(upgrade->offers_subprotocol("v1"));
  EXPECT_FALSE(upgrade->offers_subprotocol("V1"));
  const std::string_view others[] = {"V3"};
  EXPECT_EQ(upgrade->choose_subprotocol(others), "");
}

}  // namespace
}  // namespace ringcast

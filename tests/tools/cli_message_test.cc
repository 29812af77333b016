#include "tools/ringcast/cli_message.h"

#include <gtest/gtest.h>

#include <string>

namespace ringcast {
namespace {

using Kind = ServerMessage::Kind;

TEST(MessageParser, ReadsEvents) {
  MessageParser parser;
  const auto& message =
      parser.parse(R"({"id":"e-1","topic":"t","event":"x","data":"{\"a\":1}\n\u00fc"})");
  EXPECT_EQ(message.kind, Kind::event);
  EXPECT_EQ(message.event.id, "e-1");
  EXPECT_EQ(message.event.topic, "t");
  EXPECT_EQ(message.event.type, "x");
  EXPECT_EQ(message.event.data, "{\"a\":1}\nü");
  EXPECT_EQ(parser.parse(R"({"topic":"t","data":""})").kind, Kind::event);
  EXPECT_EQ(message.event.id, "");
  EXPECT_EQ(message.event.type, "message");
}

TEST(MessageParser, ReadsWhatIsNoEvent) {
  MessageParser parser;
  const auto& message = parser.parse(R"({"type":"position","id":"e-7"})");
  EXPECT_EQ(message.kind, Kind::position);
  EXPECT_EQ(message.event.id, "e-7");
  parser.parse(R"({"type":"drain","retry_ms":1234})");
  EXPECT_EQ(message.kind, Kind::drain);
  EXPECT_EQ(message.retry_ms, 1234);
  parser.parse(R"({"type":"drain"})");
  EXPECT_EQ(message.retry_ms, 0);
  parser.parse(R"({"type":"welcome","client":"w0-1-1","data":"x","topic":"t"})");
  EXPECT_EQ(message.kind, Kind::answer);
  EXPECT_EQ(message.type, "welcome");
  parser.parse(R"({"status":"paused","ref":"r"})");
  EXPECT_EQ(message.kind, Kind::answer);
  EXPECT_EQ(message.status, "paused");
  EXPECT_EQ(message.ref, "r");
  EXPECT_EQ(message.type, "");
}

TEST(MessageParser, ReadsRefsOfEveryKind) {
  MessageParser parser;
  EXPECT_EQ(parser.parse(R"({"type":"a","ref":17})").ref, "17");
  EXPECT_EQ(parser.parse(R"({"type":"a","ref":null})").ref, "null");
  EXPECT_EQ(parser.parse(R"({"type":"a","ref":"x\"y"})").ref, "x\"y");
  EXPECT_EQ(parser.parse(R"({"type":"a"})").ref, "");
}

TEST(MessageParser, ReadsErrorsAsTheyMayBeShown) {
  MessageParser parser;
  const auto& message =
      parser.parse(R"({"type":"error","error":{"code":"c","message":"No\u001b[1m."},"ref":1})");
  EXPECT_EQ(message.kind, Kind::error);
  EXPECT_EQ(message.text, "No\\x1b[1m.");
  EXPECT_EQ(message.ref, "1");
  parser.parse(R"({"type":"error"})");
  EXPECT_EQ(message.kind, Kind::error);
  EXPECT_NE(message.text, "");
}

TEST(MessageParser, DoesNotUnderstandAnythingElse) {
  MessageParser parser;
  for (const char* text : {"", "x", "1", "[]", "{}", "{", R"({"id":"e-1"})", R"({"data":"a"})",
                           R"({"topic":"t","data":{}})", R"({"type":7})"}) {
    EXPECT_EQ(parser.parse(text).kind, Kind::unknown) << text;
  }
}

}  // namespace
}  // namespace ringcast

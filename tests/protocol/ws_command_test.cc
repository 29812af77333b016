// What WebSocket clients say, and the objects that workers exchange with callers.
#include "protocol/ws_command.h"

#include <gtest/gtest.h>

#include <string>

namespace ringcast {
namespace {

class WsCommands : public ::testing::Test {
 protected:
  // The error's code; empty if there is none.
  std::string read(std::string_view text, bool for_worker = false) {
    message_ = text;
    message_.reserve(text.size() + 64);
    const auto parsed = parser_.parse(message_, for_worker, command_);
    return parsed ? std::string{} : std::string(parsed.error().code);
  }

  WsCommandParser parser_;
  WsCommand command_;
  std::string message_;
};

TEST_F(WsCommands, EveryMember) {
  ASSERT_EQ(read(R"({"type":"x","topic":"a","topics":["b","c.*"],"from":"earliest","event":"T",
                     "last_event_id":"e-1","id":"k","room":"r","name":"n","to":"w0-1-2",
                     "include_self":true,"enabled":false,"data":"d\n","ref":"\u00e9"})"),
            "");
  EXPECT_EQ(command_.name, "x");
  EXPECT_EQ(command_.topics, (std::vector<std::string_view>{"a", "b", "c.*"}));
  EXPECT_EQ(command_.from, "earliest");
  EXPECT_EQ(command_.event, "T");
  EXPECT_EQ(command_.last_event_id, "e-1");
  EXPECT_EQ(command_.id, "k");
  EXPECT_EQ(command_.room, "r");
  EXPECT_EQ(command_.member_name, "n");
  EXPECT_EQ(command_.to, "w0-1-2");
  EXPECT_EQ(command_.include_self, true);
  EXPECT_EQ(command_.enabled, false);
  EXPECT_EQ(command_.data, "d\n");
  EXPECT_EQ(command_.data_json, R"("d\n")");
  EXPECT_EQ(command_.ref, R"("\u00e9")");
}

TEST_F(WsCommands, TheNameStandsInOneOfThree) {
  for (const char* key : {"type", "command", "action"}) {
    ASSERT_EQ(read(std::string("{\"") + key + "\":\"ping\"}"), "");
    EXPECT_EQ(command_.name, "ping");
  }
  ASSERT_EQ(read(R"({"action":"pause","value":[1],"data":{}})", true), "");
  EXPECT_EQ(command_.name, "");
  EXPECT_EQ(command_.action, "pause");
}

TEST_F(WsCommands, DataIsAStringsTextOrAnyValueAsItIsWritten) {
  for (const char* value : {"1.50", "null", "true", "[1, 2]", R"({"a": "b"})", "-1e5"}) {
    ASSERT_EQ(read(std::string(R"({"type":"x","data": )") + value + R"( ,"ref":1})"), "");
    EXPECT_EQ(command_.data, value);
    EXPECT_EQ(command_.data_json, value);
    EXPECT_EQ(command_.ref, "1");
  }
}

TEST_F(WsCommands, TheRefIsFoundEvenBehindAProblem) {
  EXPECT_EQ(read(R"({"topik":"a","ref":9})"), "bad_command");
  EXPECT_EQ(command_.ref, "9");
  EXPECT_EQ(read(R"({"ref":9,)"), "bad_json");
  EXPECT_EQ(command_.ref, "");
}

TEST_F(WsCommands, Refusals) {
  for (const char* text : {"", "{", "nul", "{\"a\":}", "{\"type\":\"x\"}}", "{\"a\":\"\xed\"}"}) {
    EXPECT_EQ(read(text), "bad_json") << text;
  }
  for (const char* text : {"[]", "1", "\"x\"", R"({"type":1})", R"({"topics":"a"})",
                           R"({"topics":[1]})", R"({"enabled":"yes"})", R"({"ref":[]})"}) {
    EXPECT_EQ(read(text), "bad_command") << text;
  }
  EXPECT_EQ(read("{\"ref\":\"" + std::string(127, 'x') + "\"}"), "bad_command");
  EXPECT_EQ(read("{\"ref\":\"" + std::string(126, 'x') + "\"}"), "");
}

TEST(RefObject, TheRefAndTheRest) {
  const auto read = read_ref_object(R"( {"a":1.5, "ref":"r", "status":"s", "b":{"ref":2} } )");
  ASSERT_TRUE(read);
  EXPECT_EQ(read->ref, "r");
  EXPECT_EQ(read->members, R"("a":1.5,"status":"s","b":{"ref":2})");
  EXPECT_TRUE(read->has_status);
  EXPECT_EQ(read_ref_object("{}")->members, "");
  EXPECT_EQ(read_ref_object(R"({"ref":7})")->ref, "");
  for (const char* text : {"", "[]", "7", "{", "{\"a\":1"}) EXPECT_FALSE(read_ref_object(text));
}

}  // namespace
}  // namespace ringcast

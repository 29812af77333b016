// JSON-RPC as it is read, request states, templates of URIs.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <string>

#include "protocol/mcp/mcp_request_state.h"
#include "protocol/mcp/mcp_server.h"
#include "protocol/mcp/rpc_message.h"

namespace ringcast {
namespace {

struct Read {
  explicit Read(std::string json) : text(std::move(json)) {
    text.reserve(text.size() + 64);
    error = parser.parse(text, message);
  }
  std::string text;
  RpcParser parser;
  RpcMessage message;
  std::optional<RpcError> error;
};

TEST(RpcMessage, IdsAreKeptAsTheyAreWritten) {
  for (const std::string id : {"1", "-7", "2.50", "1e3", "12345678901234567890123", R"("a")",
                               R"("\u00e4\"x")", R"("")", "0"}) {
    const Read read(R"({"jsonrpc":"2.0","id":)" + id + R"(,"method":"ping"})");
    ASSERT_FALSE(read.error) << id;
    EXPECT_EQ(read.message.id, id);
    EXPECT_EQ(read.message.kind, RpcMessage::Kind::request);
  }
}

TEST(RpcMessage, WhatIsNoMessageIsRefused) {
  const auto code = [](std::string json) {
    const Read read(std::move(json));
    return read.error ? read.error->code : 0;
  };
  EXPECT_EQ(code("{"), rpc::kParseError);
  EXPECT_EQ(code(""), rpc::kParseError);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"a"} x)"), rpc::kParseError);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"a","params":{bad}})"), rpc::kParseError);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"a","more":{bad}})"), rpc::kParseError);
  EXPECT_EQ(code("[]"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"id":1,"method":"a"})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"1.0","id":1,"method":"a"})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":null,"method":"a"})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":true,"method":"a"})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":{},"method":"a"})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"id":2,"method":"a"})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":7})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"result":{},"error":{}})"), rpc::kInvalidRequest);
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"a","params":[1]})"), rpc::kInvalidParams);
  std::string deep(200, '[');
  deep += std::string(200, ']');
  EXPECT_EQ(code(R"({"jsonrpc":"2.0","id":1,"method":"a","params":{"x":)" + deep + "}}"),
            rpc::kParseError);
}

TEST(RpcMessage, TheIdIsKnownThoughTheRestIsWrong) {
  const Read read(R"({"id":"x","jsonrpc":"1.0","method":"a"})");
  ASSERT_TRUE(read.error);
  EXPECT_EQ(read.message.id, R"("x")");
  std::string json;
  append_rpc_error(json, read.message.id, *read.error);
  EXPECT_TRUE(json.starts_with(R"({"jsonrpc":"2.0","id":"x","error":{"code":-32600,)")) << json;
}

TEST(RpcMessage, ResponsesCarryTheirResult) {
  const Read read(R"({"jsonrpc":"2.0","id":3,"result":{"a": [1, 2]}})");
  ASSERT_FALSE(read.error);
  EXPECT_EQ(read.message.kind, RpcMessage::Kind::response);
  EXPECT_EQ(read.message.result, R"({"a": [1, 2]})");
  const Read failed(R"({"jsonrpc":"2.0","id":3,"error":{"code":1,"message":"no"}})");
  EXPECT_TRUE(failed.message.failed);
}

TEST(RpcMessage, BatchesFallIntoTheirParts) {
  std::string text = R"([{"a":1}, {"b":[2,3]} ,4])";
  text.reserve(text.size() + 64);
  RpcParser parser;
  const auto parts = parser.split_batch(text, 10);
  ASSERT_TRUE(parts);
  ASSERT_EQ(parts->size(), 3U);
  EXPECT_EQ((*parts)[1], R"({"b":[2,3]})");
  EXPECT_EQ(parser.split_batch(text, 1).error().code, rpc::kInvalidRequest);
  for (std::string broken : {R"([{"a":1},)", R"([1]x)", "[", R"([{"a":1})"}) {
    broken.reserve(broken.size() + 64);
    EXPECT_TRUE(RpcParser::is_batch(broken));
    const auto none = parser.split_batch(broken, 10);
    EXPECT_TRUE(!none && none.error().code == rpc::kParseError) << broken;
  }
  std::string nothing = "[]";
  nothing.reserve(66);
  EXPECT_EQ(parser.split_batch(nothing, 10).error().code, rpc::kInvalidRequest);
  EXPECT_FALSE(RpcParser::is_batch(" {}"));
}

TEST(RpcMessage, SaysWhatKeepsItFromBeingRead) {
  const auto message_of = [](std::string_view params) {
    const Read read(fmt::format(R"({{"jsonrpc":"2.0","id":1,"method":"x","params":{}}})", params));
    return read.error ? read.error->message : std::string();
  };
  EXPECT_NE(message_of(R"({"a":123456789012345678901234567890})").find("number"),
            std::string::npos);
  EXPECT_NE(message_of(R"({"a":"\ud800"})").find("Unicode"), std::string::npos);
  EXPECT_NE(message_of("{\"a\":" + std::string(64, '[') + std::string(64, ']') + "}").find("deep"),
            std::string::npos);
  EXPECT_NE(message_of(R"({"a":nope})").find("JSON"), std::string::npos);
}

TEST(McpRequestState, ComesBackForItsRequestOnly) {
  const McpKey key{7};
  const McpRequestState state{.request = "tools/call\nx", .answered = R"("a":{})", .kept = "k"};
  const std::string sealed = seal(state, key, 1'000);
  const auto opened = unseal(sealed, state.request, key, 999);
  ASSERT_TRUE(opened);
  EXPECT_EQ(opened->answered, state.answered);
  EXPECT_EQ(opened->kept, "k");
  EXPECT_FALSE(unseal(sealed, "tools/call\ny", key, 999));
  EXPECT_FALSE(unseal(sealed, state.request, McpKey{8}, 999));
  EXPECT_FALSE(unseal(sealed, state.request, key, 1'001));
  EXPECT_FALSE(unseal(sealed + "A", state.request, key, 999));
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_FALSE(unseal(changed, state.request, key, 999)) << i;
  }
}

TEST(McpTemplates, VariablesAreWhatLiesBetween) {
  EXPECT_TRUE(fits_template("test://template/{id}/data", "test://template/123/data"));
  EXPECT_FALSE(fits_template("test://template/{id}/data", "test://template/1/2/data"));
  EXPECT_FALSE(fits_template("test://template/{id}/data", "test://template//data"));
  EXPECT_TRUE(fits_template("docs://{+path}", "docs://a/b.txt"));
  EXPECT_EQ(template_variable("a://{x}/{y}", "a://1%202/3", "x"), "1 2");
  EXPECT_EQ(template_variable("a://{x}/{y}", "a://1/3", "y"), "3");
  EXPECT_FALSE(template_variable("a://{x}", "b://1", "x"));
}

TEST(McpServer, MistakesInARegistrationAreKept) {
  const auto nothing = [](McpCall&) -> Task<void> { co_return; };
  McpServer schema({.name = "x", .version = "1"});
  schema.tool({.name = "t", .input_schema = R"({"type":"nonsense"})"}, nothing);
  ASSERT_TRUE(schema.error());
  EXPECT_NE(schema.error()->message.find("`t`"), std::string::npos);
  McpServer twice({.name = "x", .version = "1"});
  twice.tool({.name = "t"}, nothing);
  EXPECT_FALSE(twice.error());
  twice.tool({.name = "t"}, nothing);
  EXPECT_TRUE(twice.error());
  McpServer name({.name = "x", .version = "1"});
  name.tool({.name = "no blanks"}, nothing);
  EXPECT_TRUE(name.error());
}

}  // namespace
}  // namespace ringcast

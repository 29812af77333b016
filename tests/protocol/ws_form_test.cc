// Events as WebSocket frames, plain and compressed.
#include "protocol/ws_form.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/websocket_inflater.h"
#include "tests/protocol/written_event.h"

namespace ringcast {
namespace {

// The payload of the one frame in `bytes`.
std::string payload_of(std::string_view bytes, WsFrameHeader& header) {
  EXPECT_EQ(parse_frame_header(bytes, header), WsHeaderState::complete);
  EXPECT_EQ(header.bytes + header.length, bytes.size());
  EXPECT_TRUE(header.fin && !header.masked && header.opcode == WsOpcode::text);
  return std::string(bytes.substr(header.bytes));
}

std::string event_text(WsForm& form, const NewEvent& event, std::string_view id = {}) {
  std::vector<char> frame;
  form.append_event(frame, "jobs.1", written(event, 5), id);
  WsFrameHeader header;
  std::string text = payload_of({frame.data(), frame.size()}, header);
  EXPECT_FALSE(header.rsv1);
  return text;
}

TEST(WsForm, AnEventIsOneTextFrame) {
  WsForm form;
  EXPECT_EQ(event_text(form, {.type = "step", .data = "x", .key = {}}),
            R"({"id":"e-5","topic":"jobs.1","event":"step","data":"x"})");
  EXPECT_EQ(event_text(form, {.type = {}, .data = {}, .key = {}}),
            R"({"id":"e-5","topic":"jobs.1","event":"message","data":""})");
  EXPECT_EQ(event_text(form, {.type = {}, .data = "x", .key = {}}, "e-5-9"),
            R"({"id":"e-5-9","topic":"jobs.1","event":"message","data":"x"})");
}

TEST(WsForm, TextIsEscapedAsJsonWantsIt) {
  WsForm form;
  EXPECT_EQ(event_text(form, {.type = "a\"b", .data = "\"\\\n\n\t\x01 \xc3\xa4\r\nend", .key = {}}),
            "{\"id\":\"e-5\",\"topic\":\"jobs.1\",\"event\":\"a\\\"b\",\"data\":"
            "\"\\\"\\\\\\n\\n\\t\\u0001 \xc3\xa4\\nend\"}");
}

TEST(WsForm, LongEventsHaveLongHeaders) {
  WsForm form;
  for (const std::size_t size : {10UL, 100UL, 200UL, 65'000UL, 70'000UL}) {
    const std::string data(size, 'x');
    EXPECT_TRUE(event_text(form, {.type = {}, .data = data, .key = {}}).ends_with(data + "\"}"));
  }
}

TEST(WsForm, GapPositionAndFarewell) {
  WsForm form;
  std::string out;
  WsFrameHeader header;
  const Gap gap{.reason = GapReason::evicted, .requested = "e-1", .topic = "t", .earliest = 3};
  form.append_gap(out, gap, "e-2", kIds);
  EXPECT_EQ(payload_of(out, header),
            R"({"id":"e-2","topic":"t","event":"gap","data":"{\"requested\":\"e-1\",)"
            R"(\"earliest\":\"e-3\",\"reason\":\"evicted\",\"topic\":\"t\"}"})");
  out.clear();
  form.append_gap(out, gap, {}, kIds);
  EXPECT_TRUE(payload_of(out, header).starts_with(R"({"topic":"t","event":"gap")"));
  out.clear();
  form.append_id(out, "e-7");
  EXPECT_EQ(payload_of(out, header), R"({"type":"position","id":"e-7"})");
  out.clear();
  form.append_farewell(out, 1500);
  const std::string farewell = R"({"type":"drain","retry_ms":1500})";
  EXPECT_EQ(out.substr(2, farewell.size()), farewell);
  EXPECT_EQ(out.substr(2 + farewell.size(), 1), "\x88");
  EXPECT_EQ(form.heartbeat(), std::string_view("\x89\0", 2));
}

TEST(WsForm, CompressedMessagesStandAlone) {
  WsForms forms;
  for (const int bits : {9, 12, 15}) {
    WsDeflateForm& form = forms.deflated(bits);
    EXPECT_EQ(&forms.deflated(bits), &form);
    EXPECT_EQ(&form.composed(), &forms.plain());
    const std::string data = "again and again " + std::string(500, 'y');
    Inflater inflater(false);
    for (int round = 0; round < 3; ++round) {
      std::vector<char> frame;
      form.append_event(frame, "t", written({.type = {}, .data = data, .key = {}}, 5), {});
      WsFrameHeader header;
      const std::string payload = payload_of({frame.data(), frame.size()}, header);
      ASSERT_TRUE(header.rsv1);
      EXPECT_LT(payload.size(), 120U);
      Buffer out;
      inflater.begin();
      ASSERT_EQ(inflater.inflate(payload, out, 10'000), Inflater::Outcome::ok);
      ASSERT_EQ(inflater.finish(out, 10'000), Inflater::Outcome::ok);
      EXPECT_EQ(out.view(), R"({"id":"e-5","topic":"t","event":"message","data":")" + data + "\"}");
    }
  }
}

TEST(WsForm, WhatDoesNotGetShorterStaysAsItIs) {
  WsForms forms;
  EXPECT_EQ(event_text(forms.deflated(15), {.type = {}, .data = "x", .key = {}}),
            R"({"id":"e-5","topic":"jobs.1","event":"message","data":"x"})");
}

}  // namespace
}  // namespace ringcast

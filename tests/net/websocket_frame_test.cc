#include "net/websocket_frame.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "core/utf8.h"

namespace ringcast {
namespace {

using namespace std::string_view_literals;

TEST(WebSocketFrame, HeadersComeBackAsWritten) {
  const WsMask mask{1, 2, 3, 4};
  for (const std::uint64_t length :
       {0ULL, 1ULL, 125ULL, 126ULL, 127ULL, 128ULL, 65535ULL, 65536ULL, (1ULL << 63) - 1}) {
    for (const bool masked : {false, true}) {
      char bytes[kMostWsHeaderBytes];
      char* const end =
          masked ? write_masked_header(bytes, WsOpcode::binary, length, mask, false, true)
                 : write_frame_header(bytes, WsOpcode::binary, length, false, true);
      const std::string_view head(bytes, end);
      EXPECT_EQ(head.size(), frame_header_bytes(length) + (masked ? 4 : 0));
      WsFrameHeader header;
      for (std::size_t n = 0; n < head.size(); ++n) {
        EXPECT_EQ(parse_frame_header(head.substr(0, n), header), WsHeaderState::needs_more);
      }
      ASSERT_EQ(parse_frame_header(head, header), WsHeaderState::complete);
      EXPECT_EQ(header.opcode, WsOpcode::binary);
      EXPECT_EQ(header.length, length);
      EXPECT_EQ(header.bytes, head.size());
      EXPECT_EQ(header.masked, masked);
      EXPECT_EQ(header.mask, masked ? mask : WsMask{});
      EXPECT_FALSE(header.fin);
      EXPECT_TRUE(header.rsv1);
    }
  }
}

TEST(WebSocketFrame, RefusesAtTheFirstWrongByte) {
  WsFrameHeader header;
  for (unsigned first = 0; first < 256; ++first) {
    const char byte = static_cast<char>(first);
    const unsigned opcode = first & 15U;
    const bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    const bool whole = opcode < 8 || first >= 0x80;
    const bool good = known && whole && (first & 0x30U) == 0;
    EXPECT_EQ(parse_frame_header({&byte, 1}, header),
              good ? WsHeaderState::needs_more : WsHeaderState::failed)
        << first;
  }
  const std::vector<std::string_view> bad{
      "\x89\x7e"sv,                                  // a ping of 126 bytes or more
      "\x88\xff"sv,                                  // a close of a 64-bit length
      "\x82\x7f\x80"sv,                              // the top bit
      "\x82\x7e\x00\x7d"sv,                          // 125 fits the short form
      "\x82\x7f\x00\x00\x00\x00\x00\x00\xff\xff"sv,  // 65535 fits two bytes
  };
  for (const std::string_view bytes : bad) {
    EXPECT_EQ(parse_frame_header(bytes, header), WsHeaderState::failed);
    EXPECT_EQ(parse_frame_header(bytes.substr(0, 1), header), WsHeaderState::needs_more);
  }
}

TEST(WebSocketFrame, MasksAtAnyOffsetAndLength) {
  const WsMask mask{0x37, 0xfa, 0x21, 0x3d};
  for (std::size_t size = 0; size < 70; ++size) {
    for (std::size_t offset = 0; offset < 9; ++offset) {
      std::string text(size, 'x');
      std::string expected = text;
      for (std::size_t i = 0; i < size; ++i) {
        expected[i] = static_cast<char>(expected[i] ^ mask[(i + offset) % 4]);
      }
      apply_mask(text, mask, offset);
      EXPECT_EQ(text, expected);
    }
  }
}

TEST(WebSocketFrame, CloseFramesFit) {
  std::string out;
  append_close_frame(out, ws_close::kNoCode, "not sent");
  EXPECT_EQ(out, "\x88\x00"sv);
  out.clear();
  append_close_frame(out, 1000, "bye");
  EXPECT_EQ(out,
            "\x88\x05\x03\xe8"
            "bye"sv);
  out.clear();
  std::string reason(122, 'a');
  reason += "\xc3\xa4";  // would end at 124
  append_close_frame(out, 1000, reason);
  EXPECT_EQ(out.size(), 2U + 2 + 122);
}

TEST(WebSocketFrame, CloseCodes) {
  for (const unsigned code : {1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013,
                              1014, 3000, 3999, 4000, 4999}) {
    EXPECT_TRUE(is_close_code(static_cast<std::uint16_t>(code))) << code;
  }
  for (const unsigned code :
       {0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535}) {
    EXPECT_FALSE(is_close_code(static_cast<std::uint16_t>(code))) << code;
  }
}

TEST(Utf8, EveryCutOfValidAndInvalidText) {
  struct Case {
    std::string_view text;
    std::size_t good;  // bytes that may come before it fails
  };
  const std::vector<Case> cases{
      {"\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5", 11},
      {"plain words of ASCII, more than eight", 37},
      {"\xf4\x8f\xbf\xbf", 4},
      {"\xf4\x90\x80\x80", 1},  // above U+10FFFF
      {"\xed\xa0\x80", 1},      // a surrogate
      {"\xc0\xaf", 0},          // overlong
      {"\xe0\x80\xaf", 1},      // overlong
      {"\xf0\x80\x80\xaf", 1},  // overlong
      {"\xf5\x80\x80\x80", 0},
      {"12345678\x80", 8},
      {"12345678\xc3\x28", 9},
      {"\xff", 0},
  };
  for (const Case& each : cases) {
    for (std::size_t cut = 0; cut <= each.text.size(); ++cut) {
      Utf8Validator text;
      EXPECT_EQ(text.feed(each.text.substr(0, cut)), cut <= each.good);
      EXPECT_EQ(text.feed(each.text.substr(cut)), each.good == each.text.size());
    }
  }
  Utf8Validator text;
  EXPECT_TRUE(text.feed("\xe2\x82"));
  EXPECT_FALSE(text.at_boundary());
  EXPECT_TRUE(text.feed("\xac"));
  EXPECT_TRUE(text.at_boundary());
}

}  // namespace
}  // namespace ringcast

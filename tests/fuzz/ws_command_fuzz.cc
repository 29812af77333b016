// Commands of WebSocket clients: whatever the bytes, they are read as a command or refused; what is
// echoed or handed on is JSON again; and the data of a command, published and sent to subscribers,
// is read back as it was.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "core/event_stream.h"
#include "core/topic_name.h"
#include "core/utf8.h"
#include "protocol/ws_command.h"
#include "protocol/ws_form.h"

namespace ringcast {
namespace {

// In a buffer of its own that ends right behind the padding, so that a read beyond is seen.
std::vector<char> padded(std::string_view text) {
  std::vector<char> bytes(text.begin(), text.end());
  bytes.resize(text.size() + 64);
  return bytes;
}

void check_text(std::string_view text) { RINGCAST_CHECK(is_valid_utf8(text)); }

// Lines as the event stream has them: every kind of line end is one.
std::string with_plain_line_ends(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\r') {
      out += text[i];
    } else if (i + 1 == text.size() || text[i + 1] != '\n') {
      out += '\n';
    }
  }
  return out;
}

void check_as_event(const WsCommand& command) {
  if (!command.data || !is_event_type(command.event)) return;
  const EventIds ids("fuzz", 1);
  const NewEvent event{.type = command.event, .data = *command.data, .key = {}};
  std::string block(event_bytes(event), '\0');
  block.resize(static_cast<std::size_t>(write_event(block.data(), event, 7, ids) - block.data()));
  WsForm form;
  std::vector<char> frame;
  form.append_event(frame, "a.topic", block, {});
  WsFrameHeader header;
  RINGCAST_CHECK(parse_frame_header({frame.data(), frame.size()}, header) ==
                 WsHeaderState::complete);
  RINGCAST_CHECK(header.bytes + header.length == frame.size());
  const auto text = padded({frame.data() + header.bytes, header.length});
  WsCommandParser parser;
  WsCommand read;
  RINGCAST_CHECK(parser.parse({text.data(), header.length}, false, read).has_value());
  RINGCAST_CHECK(read.id == "fuzz-7" && read.topics.size() == 1 && read.topics[0] == "a.topic");
  RINGCAST_CHECK(read.event == (command.event.empty() ? "message" : command.event));
  RINGCAST_CHECK(*read.data == with_plain_line_ends(*command.data));
}

// What a worker gets, and what its answer would be.
void check_as_order(std::string_view message, const WsCommand& command) {
  const auto object = read_ref_object(message);
  RINGCAST_CHECK(object.has_value());
  check_text(object->members);
  const std::string comma = object->members.empty() ? "" : ",";
  const std::string order = '{' + object->members + comma + "\"ref\":\"c0-1-2\"}";
  const auto handed = read_ref_object(order);
  RINGCAST_CHECK(handed && handed->ref == "c0-1-2" && handed->members == object->members);
  if (command.ref.empty()) return;
  const std::string answer = "{\"status\":\"paused\",\"ref\":" + std::string(command.ref) + '}';
  const auto told = read_ref_object(answer);
  RINGCAST_CHECK(told && told->has_status);
}

void check_message(std::string_view message, bool for_worker) {
  if (!is_valid_utf8(message)) return;  // the reader of messages lets nothing else through
  static WsCommandParser parser;        // used again, as the server does
  const auto bytes = padded(message);
  WsCommand command;
  const auto parsed = parser.parse({bytes.data(), message.size()}, for_worker, command);
  RINGCAST_CHECK(command.ref.size() <= WsCommandParser::kMostRefBytes);
  if (!parsed) {
    RINGCAST_CHECK(parsed.error().code == "bad_json" || parsed.error().code == "bad_command");
    check_text(parsed.error().message);
    return;
  }
  for (const std::string_view text :
       {command.name, command.action, command.ref, command.from, command.last_event_id,
        command.event, command.id, command.room, command.member_name, command.to}) {
    check_text(text);
  }
  std::ranges::for_each(command.topics, check_text);
  check_as_event(command);
  check_as_order(message, command);
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  ringcast::check_message({reinterpret_cast<const char*>(data) + 1, size - 1}, (data[0] & 1) != 0);
  return 0;
}

#include "protocol/ws_form.h"

namespace ringcast {
namespace {

constexpr int kLevel = 3;                    // of zlib: nearly all of the gain, at half of the time
constexpr std::size_t kWorthDeflating = 64;  // bytes; shorter messages do not become shorter

void put_frame(std::vector<char>& out, std::string_view payload, bool compressed) {
  char header[kMostWsHeaderBytes];
  char* const end = write_frame_header(header, WsOpcode::text, payload.size(), true, compressed);
  out.insert(out.end(), &header[0], end);
  out.insert(out.end(), payload.begin(), payload.end());
}

}  // namespace

void append_text_frame(std::string& out, std::string_view text) {
  char header[kMostWsHeaderBytes];
  out.append(header, write_frame_header(header, WsOpcode::text, text.size()));
  out.append(text);
}

void WsForm::append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                          std::string_view id) {
  put_frame(out, message_.of(topic, event, id), false);
}

void WsForm::append_gap(std::string& out, const Gap& gap, std::string_view resume_id,
                        const EventIds& ids) {
  append_text_frame(out, gap_message(gap, resume_id, ids));
}

void WsForm::append_id(std::string& out, std::string_view id) {
  append_text_frame(out, position_message(id));
}

std::string_view WsForm::heartbeat() const { return {"\x89\0", 2}; }

void WsForm::append_farewell(std::string& out, std::uint64_t retry_ms) {
  append_text_frame(out, drain_message(retry_ms));
  append_close_frame(out, ws_close::kGoingAway, "The server is shutting down.");
}

WsDeflateForm::WsDeflateForm(WsForm& plain, int window_bits, int level)
    : plain_(plain),
      deflater_({.window_bits = window_bits, .level = level, .keep_context = false}) {}

void WsDeflateForm::append_event(std::vector<char>& out, std::string_view topic,
                                 std::string_view event, std::string_view id) {
  const std::string_view text = message().of(topic, event, id);
  compressed_.clear();
  const bool shorter = text.size() >= kWorthDeflating && deflater_.compress(text, compressed_) &&
                       compressed_.size() < text.size();
  if (shorter) {
    put_frame(out, {compressed_.data(), compressed_.size()}, true);
  } else {
    put_frame(out, text, false);
  }
}

WsDeflateForm& WsForms::deflated(int window_bits) {
  std::unique_ptr<WsDeflateForm>& form = deflated_[static_cast<std::size_t>(window_bits)];
  if (!form) form = std::make_unique<WsDeflateForm>(plain_, window_bits, kLevel);
  return *form;
}

}  // namespace ringcast

#include "protocol/lines_form.h"

#include <fmt/format.h>

#include <array>

#include "net/chunked.h"

namespace ringcast {
namespace {

template <class Out>
void put(Out& out, std::string_view bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

template <class Out>
void put_line(Out& out, std::string_view text, bool chunked) {
  if (chunked) put(out, ChunkHeader(text.size() + 1).text());
  put(out, text);
  out.push_back('\n');
  if (chunked) put(out, kChunkEnd);
}

std::string make_ending(StandingEnd why, bool chunked) {
  std::string bytes;
  put_line(bytes,
           fmt::format(R"({{"type":"error","error":{{"code":"{}","message":"{}"}}}})",
                       standing_code(why), standing_message(why)),
           chunked);
  if (chunked) bytes += kLastChunk;
  return bytes;
}

}  // namespace

void LinesForm::append_event(std::vector<char>& out, std::string_view topic, std::string_view event,
                             std::string_view id) {
  put_line(out, message_.of(topic, event, id), chunked_);
}

void LinesForm::append_gap(std::string& out, const Gap& gap, std::string_view resume_id,
                           const EventIds& ids) {
  append_line(out, gap_message(gap, resume_id, ids));
}

void LinesForm::append_id(std::string& out, std::string_view id) {
  append_line(out, position_message(id));
}

std::string_view LinesForm::heartbeat() const { return chunked_ ? "1\r\n\n\r\n" : "\n"; }

void LinesForm::append_farewell(std::string& out, std::uint64_t retry_ms) {
  append_line(out, drain_message(retry_ms));
  if (chunked_) out += kLastChunk;
}

void LinesForm::append_line(std::string& out, std::string_view text) const {
  put_line(out, text, chunked_);
}

std::string_view LinesForm::ending(StandingEnd why) const {
  static const std::array<std::string, 4> texts = {
      make_ending(StandingEnd::expired, false), make_ending(StandingEnd::revoked, false),
      make_ending(StandingEnd::expired, true), make_ending(StandingEnd::revoked, true)};
  return texts[(chunked_ ? 2U : 0U) + static_cast<std::size_t>(why)];
}

}  // namespace ringcast

#include "net/chunked.h"

#include <algorithm>

#include "core/check.h"
#include "net/http_chars.h"

namespace ringcast {
namespace {

constexpr std::size_t kDigitsMax = 16;

constexpr HttpError kBadSize{400, "bad_chunk_size", "A chunk size is malformed."};
constexpr HttpError kBadExtension{400, "bad_chunk_extension", "A chunk extension is malformed."};
constexpr HttpError kLongExtensions{400, "chunk_extensions_too_large",
                                    "The chunk extensions are too long."};
constexpr HttpError kBadEnd{400, "bad_chunk_end", "The data of a chunk must end with CR LF."};
constexpr HttpError kBareLineBreak{400, "bare_line_break", "Lines must end with CR LF."};
constexpr HttpError kBadTrailer{400, "bad_trailer", "A trailer field is malformed."};
constexpr HttpError kLongTrailers{431, "trailers_too_large", "The trailer section is too large."};

}  // namespace

bool ChunkedDecoder::fail(const HttpError& error) {
  error_ = error;
  phase_ = Phase::failed;
  return false;
}

bool ChunkedDecoder::expect(char c, char wanted, Phase next) {
  if (c != wanted) return fail(wanted == '\n' ? kBareLineBreak : kBadEnd);
  phase_ = next;
  return true;
}

bool ChunkedDecoder::advance(bool allowed, Phase next) {
  if (!allowed) return fail(kBadExtension);
  phase_ = next;
  return true;
}

// What may follow a size and each complete extension.
bool ChunkedDecoder::after_size(char c) {
  if (c == '\r') {
    phase_ = Phase::size_lf;
    return true;
  }
  if (c == ';') {
    phase_ = Phase::extension_name_first;
    return true;
  }
  if (c == '\n') return fail(kBareLineBreak);
  return fail(phase_ == Phase::size ? kBadSize : kBadExtension);
}

bool ChunkedDecoder::step_size(char c) {
  const int digit = chars::hex_value(c);
  if (digit < 0) return phase_ == Phase::size ? after_size(c) : fail(kBadSize);
  if (phase_ == Phase::size_first) {
    remaining_ = 0;
    digits_ = 0;
    phase_ = Phase::size;
  }
  // The first of sixteen digits must leave the sign bit of a 64-bit size alone.
  if (++digits_ > kDigitsMax || remaining_ >= (std::uint64_t{1} << 59)) return fail(kBadSize);
  remaining_ = remaining_ * 16 + static_cast<unsigned>(digit);
  return true;
}

// chunk-ext = *( ";" token [ "=" ( token / quoted-string ) ] ), without the blanks that the grammar
// has for the sake of bad senders (BWS).
bool ChunkedDecoder::step_extension(char c) {
  const bool token = chars::is(c, chars::kToken);
  switch (phase_) {
    case Phase::extension_name_first:
      return advance(token, Phase::extension_name);
    case Phase::extension_name:
      if (token) return true;
      return c == '=' ? advance(true, Phase::extension_value_first) : after_size(c);
    case Phase::extension_value_first:
      if (c == '"') return advance(true, Phase::extension_quoted);
      return advance(token, Phase::extension_token);
    case Phase::extension_token:
      return token || after_size(c);
    case Phase::extension_quoted:
      if (c == '"') return advance(true, Phase::extension_quoted_end);
      if (c == '\\') return advance(true, Phase::extension_escape);
      return advance(chars::is(c, chars::kQuotedText), Phase::extension_quoted);
    case Phase::extension_escape:
      return advance(chars::is(c, chars::kFieldText), Phase::extension_quoted);
    default:
      return after_size(c);
  }
}

bool ChunkedDecoder::step_trailer(char c) {
  if (phase_ == Phase::end_lf) return expect(c, '\n', Phase::done);
  if (phase_ == Phase::trailer_first && c == '\r') {
    phase_ = Phase::end_lf;
    return true;
  }
  if (++trailer_bytes_ > limits_.max_trailer_bytes) return fail(kLongTrailers);
  switch (phase_) {
    case Phase::trailer_lf:
      return expect(c, '\n', Phase::trailer_first);
    case Phase::trailer_value:
      if (c == '\r') {
        phase_ = Phase::trailer_lf;
        return true;
      }
      if (c == '\n') return fail(kBareLineBreak);
      return chars::is(c, chars::kFieldText) || fail(kBadTrailer);
    default:
      if (chars::is(c, chars::kToken)) {
        phase_ = Phase::trailer_name;
        return true;
      }
      if (c != ':' || phase_ == Phase::trailer_first) return fail(kBadTrailer);
      phase_ = Phase::trailer_value;
      return true;
  }
}

bool ChunkedDecoder::step(char c) {
  switch (phase_) {
    case Phase::size_first:
    case Phase::size:
      return step_size(c);
    case Phase::size_lf:
      return expect(c, '\n', remaining_ == 0 ? Phase::trailer_first : Phase::data);
    case Phase::data_cr:
      return expect(c, '\r', Phase::data_lf);
    case Phase::data_lf:
      return expect(c, '\n', Phase::size_first);
    case Phase::trailer_first:
    case Phase::trailer_name:
    case Phase::trailer_value:
    case Phase::trailer_lf:
    case Phase::end_lf:
      return step_trailer(c);
    case Phase::data:
    case Phase::done:
    case Phase::failed:
      return false;
    default:
      if (++extension_bytes_ > limits_.max_extension_bytes) return fail(kLongExtensions);
      return step_extension(c);
  }
}

ChunkedDecoder::Step ChunkedDecoder::decode(std::string_view in) {
  std::size_t position = 0;
  while (position < in.size() && phase_ < Phase::done) {
    if (phase_ == Phase::data) {
      const auto run =
          static_cast<std::size_t>(std::min<std::uint64_t>(remaining_, in.size() - position));
      remaining_ -= run;
      if (remaining_ == 0) phase_ = Phase::data_cr;
      return {position + run, in.substr(position, run), State::more};
    }
    if (!step(in[position])) break;
    ++position;
  }
  return {position, {}, state()};
}

ChunkHeader::ChunkHeader(std::size_t bytes) : begin_(16) {
  RINGCAST_CHECK(bytes > 0);
  text_[16] = '\r';
  text_[17] = '\n';
  for (; bytes > 0; bytes /= 16) text_[--begin_] = "0123456789abcdef"[bytes % 16];
}

}  // namespace ringcast

#include "protocol/json_elements.h"

#include <algorithm>
#include <bit>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace ringcast {

namespace {

constexpr std::size_t kBlock = 64;
constexpr char kCaseBit = 0x20;  // `[` with it is `{`, and `]` is `}`

// Of 64 bytes, lowest bit first: which are what.
struct Marks {
  std::uint64_t quotes = 0, backslashes = 0, opening = 0, closing = 0, commas = 0;
};

// The commas only if they matter.
Marks look(const char* bytes, bool commas) {
  Marks marks;
#ifdef __SSE2__
  for (unsigned quarter = 0; quarter < 4; ++quarter) {
    const __m128i part = _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes) + quarter);
    const __m128i folded = _mm_or_si128(part, _mm_set1_epi8(kCaseBit));
    const auto equal = [quarter](__m128i value, char byte) {
      const int found = _mm_movemask_epi8(_mm_cmpeq_epi8(value, _mm_set1_epi8(byte)));
      return static_cast<std::uint64_t>(static_cast<unsigned>(found)) << (16 * quarter);
    };
    marks.quotes |= equal(part, '"');
    marks.backslashes |= equal(part, '\\');
    marks.opening |= equal(folded, '{');
    marks.closing |= equal(folded, '}');
    if (commas) marks.commas |= equal(part, ',');
  }
#else
  for (std::size_t n = 0; n < kBlock; ++n) {
    const char folded = static_cast<char>(bytes[n] | kCaseBit);
    marks.quotes |= std::uint64_t{bytes[n] == '"'} << n;
    marks.backslashes |= std::uint64_t{bytes[n] == '\\'} << n;
    marks.opening |= std::uint64_t{folded == '{'} << n;
    marks.closing |= std::uint64_t{folded == '}'} << n;
    if (commas) marks.commas |= std::uint64_t{bytes[n] == ','} << n;
  }
#endif
  return marks;
}

// Each bit is whether an odd number of bits is set up to there: from an opening quote on, up to
// before the closing one.
std::uint64_t between(std::uint64_t quotes) {
  for (unsigned shift = 1; shift < kBlock; shift *= 2) quotes ^= quotes << shift;
  return quotes;
}

}  // namespace

// Which of the next bytes are escaped.
std::uint64_t JsonElements::escaped_among(std::uint64_t backslashes, std::size_t bytes) {
  std::uint64_t escaped = escaped_ ? 1 : 0;
  escaped_ = false;
  backslashes &= ~escaped;
  while (backslashes != 0) {
    const auto at = static_cast<unsigned>(std::countr_zero(backslashes));
    if (at + 1 == bytes) {
      escaped_ = true;
      break;
    }
    escaped |= std::uint64_t{2} << at;
    backslashes &= ~(std::uint64_t{3} << at);
  }
  return escaped;
}

// Finds the brackets and commas of the next block that are outside of strings.
void JsonElements::look_on(std::size_t until) {
  const std::size_t bytes = std::min(kBlock, until - at_);
  const std::uint64_t within = ~std::uint64_t{0} >> (kBlock - bytes);
  const Marks marks = look(text_.data() + at_, scalar_);
  const std::uint64_t escaped = escaped_among(marks.backslashes & within, bytes);
  const std::uint64_t strings = between(marks.quotes & within & ~escaped) ^ in_string_;
  const std::uint64_t outside = within & ~strings;
  block_ = at_;
  block_end_ = at_ + bytes;
  opening_ = marks.opening & outside;
  closing_ = marks.closing & outside;
  commas_ = marks.commas & outside;
  has_commas_ = scalar_;
  in_string_ = (strings >> (kBlock - 1)) != 0 ? ~std::uint64_t{0} : 0;
}

// Whether the element ends before `until`; at_ is where then.
bool JsonElements::find_end(std::size_t until) {
  for (;;) {
    if (at_ >= block_end_) {
      if (at_ == until) return false;
      look_on(until);
    }
    std::uint64_t left = opening_ | closing_ | (scalar_ ? commas_ : 0);
    for (left &= ~std::uint64_t{0} << (at_ - block_); left != 0; left &= left - 1) {
      const std::uint64_t mark = left & -left;
      const std::size_t at = block_ + static_cast<std::size_t>(std::countr_zero(left));
      if ((opening_ & mark) != 0) {
        if (++depth_ > kMostDepth) {
          place_ = Place::too_deep;
          return false;
        }
      } else if (depth_ == 0) {  // a scalar's end, which is not part of it
        at_ = at;
        return true;
      } else if ((closing_ & mark) != 0 && --depth_ == 0 && !scalar_) {
        at_ = at + 1;
        return true;
      }
    }
    at_ = block_end_;
  }
}

bool JsonElements::begin_element(char byte) {
  if (byte == ',' || byte == ']' || byte == '}') return false;
  begin_ = at_;
  scalar_ = byte != '[' && byte != '{';
  depth_ = 0;
  place_ = Place::inside;
  if (at_ < block_end_ && scalar_ && !has_commas_) block_end_ = at_;
  if (at_ >= block_end_) {  // a block begins here, outside of strings
    in_string_ = 0;
    escaped_ = false;
  }
  return true;
}

JsonElements::Found JsonElements::next(std::size_t until) {
  while (at_ < until) {
    if (place_ == Place::broken) return Found::broken;
    if (place_ == Place::too_deep) return Found::too_deep;
    if (place_ == Place::inside) {
      if (!find_end(until)) continue;
      place_ = Place::behind;
      return Found::element;
    }
    const char byte = text_[at_];
    if (is_json_blank(byte)) {
      ++at_;
      continue;
    }
    const bool closed = byte == ']' && (place_ == Place::first || place_ == Place::behind);
    if (closed || (byte == ',' && place_ == Place::behind)) {
      place_ = closed ? Place::after_array : Place::value;
      ++at_;
    } else if ((place_ != Place::first && place_ != Place::value) || !begin_element(byte)) {
      place_ = Place::broken;
    }
  }
  return place_ == Place::after_array && at_ == text_.size() ? Found::end : Found::more;
}

std::string_view json_value_behind(std::string_view object, std::size_t strings, bool last) {
  std::size_t begin = 0;
  for (; strings != 0; --strings) {
    begin = object.find('"', begin) + 1;
    for (;; ++begin) {
      begin = object.find('"', begin);
      std::size_t before = begin;
      while (object[before - 1] == '\\') --before;
      if ((begin - before) % 2 == 0) break;
    }
    ++begin;
  }
  begin = object.find(':', begin) + 1;
  while (is_json_blank(object[begin])) ++begin;
  std::string_view value = object.substr(begin, object.rfind('}') - begin);
  if (!last) {
    JsonElements rest(object.substr(begin - 1));  // as if it were behind a bracket
    rest.next(object.size() - begin + 1);
    value = rest.element();
  }
  while (is_json_blank(value.back())) value.remove_suffix(1);
  return value;
}

}  // namespace ringcast

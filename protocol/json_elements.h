// Finds the elements of a JSON array (RFC 8259) without reading them: where each begins and ends.
// It can stop at any byte and go on from there, so that a long array is looked at bit by bit.
//
//   JsonElements elements(text);                 // from its `[` on
//   elements.next(n)                             // the next one that ends before byte n
//
// The brackets, the commas between the elements and what comes behind the array are checked.
// Whoever reads an element finds out whether it is JSON; only then is the array as a whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ringcast {

class JsonElements {
 public:
  enum class Found : std::uint8_t {
    element,   // element() is one
    more,      // none ends before there; at the end of the text: the array is cut off
    end,       // the array is at its end, and so is the text
    broken,    // a comma or bracket is missing or superfluous; so it stays
    too_deep,  // an element's brackets nest deeper than kMostDepth; so it stays
  };
  static constexpr std::uint32_t kMostDepth = 1024;  // as simdjson has it

  JsonElements() = default;
  // `text` begins with `[` and is followed by 64 readable bytes.
  explicit JsonElements(std::string_view text) : text_(text), at_(1) {}

  // Looks no further than `until`, which never gets less and is at most the length of the text.
  Found next(std::size_t until);

  // The one that was found last.
  std::string_view element() const { return text_.substr(begin_, at_ - begin_); }
  // Bytes seen of the one that has begun and not ended; 0 between them.
  std::size_t begun_bytes() const {
    return place_ == Place::inside || place_ == Place::too_deep ? at_ - begin_ : 0;
  }

 private:
  enum class Place : std::uint8_t { first, value, inside, behind, after_array, broken, too_deep };

  bool begin_element(char byte);
  bool find_end(std::size_t until);
  void look_on(std::size_t until);
  std::uint64_t escaped_among(std::uint64_t backslashes, std::size_t bytes);

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t begin_ = 0;  // of the element
  std::uint32_t depth_ = 0;
  Place place_ = Place::first;
  bool scalar_ = false;  // it does not begin with a bracket
  // The block of bytes that was looked at last, and its marks outside of strings, lowest bit first.
  std::size_t block_ = 0;
  std::size_t block_end_ = 0;
  std::uint64_t opening_ = 0, closing_ = 0, commas_ = 0;
  bool has_commas_ = false;
  // Behind that block: whether a backslash escapes the next byte; all bits, if it is in a string.
  bool escaped_ = false;
  std::uint64_t in_string_ = 0;
};

// The value of a member as it is written: the one whose name is the last of the first `strings`
// strings of the object. The object is known to be JSON, begins with `{`, has only strings before
// that value, and is followed by 64 readable bytes. The `last` member is quicker to find.
std::string_view json_value_behind(std::string_view object, std::size_t strings, bool last);

inline bool is_json_blank(char byte) {
  return byte == ' ' || byte == '\n' || byte == '\r' || byte == '\t';
}

}  // namespace ringcast

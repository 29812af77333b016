// Knows answers that look like one that was read and found right: all bytes are the same but the
// date, the id and the text, and these are what they must be. So nothing need be read again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ringcast::load {

class AnswerPattern {
 public:
  // Whether `bytes`, all that has come, is such an answer to the call with this id and text.
  bool matches(std::string_view bytes, std::string_view id, std::string_view text) const;

  // A whole response over HTTP that was right for this id and text.
  void learn(std::string_view bytes, std::string_view id, std::string_view text);
  // The same where the body may say anything, as long as it has this many bytes.
  void learn_length(std::string_view bytes, std::size_t body_bytes);

 private:
  enum class Kind : std::uint8_t { any, id, text };
  struct Part {  // one that differs
    std::size_t at;
    std::size_t size;
    Kind kind;
  };

  void learn_date();
  // Whether there is any.
  bool learn_all(std::string_view what, Kind kind, std::size_t from);

  std::string known_;
  std::vector<Part> parts_;  // in order
};

}  // namespace ringcast::load

// Numbers of JSON by their value: 1, 1.0 and 1e0 are the same, and 64-bit integers lose nothing.
#pragma once

#include <simdjson.h>

#include <compare>
#include <string>

namespace ringcast {

struct JsonNumber {
  bool exact = true;     // `integer` is the value; otherwise `real` is
  __int128 integer = 0;  // every integer below 2^126
  double real = 0;       // a number with a fraction, or one of 2^126 or more
};

// The element is a number.
JsonNumber json_number(simdjson::dom::element number);

bool is_integer(const JsonNumber& number);
std::strong_ordering compare(const JsonNumber& a, const JsonNumber& b);

// The divisor is above zero. Where binary fractions are involved, as exact as decimal ones can be
// told apart by them: 0.0075 is a multiple of 0.0001.
bool is_multiple(const JsonNumber& number, const JsonNumber& divisor);

std::string number_text(const JsonNumber& number);

}  // namespace ringcast

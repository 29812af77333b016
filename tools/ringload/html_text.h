// Text from anywhere as HTML and SVG have it: nothing in it is markup.
#pragma once

#include <string>
#include <string_view>

#include "tools/ringload/figure.h"

namespace ringcast::load {

// In elements and in attributes that are quoted.
inline std::string html(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      case '\'':
        out += "&#39;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

inline std::string html(Unit unit, double value) { return html(typeset(unit, value)); }

}  // namespace ringcast::load

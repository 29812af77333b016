#include "tools/manual/roff.h"

namespace ringcast {

std::string roff_text(std::string_view text, bool bold) {
  std::string out;
  bool open = false;        // within backquotes
  bool line_begins = true;  // where `.` and `'` would begin a command
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    line_begins = c == '\n';
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        if (bold) {
          out += open ? "\\fR" : "\\fB";
          open = !open;
        } else {
          out += "\\(ga";
        }
        break;
      default:
        out += c;
    }
  }
  if (open) out += "\\fR";
  return out;
}

std::string roff_block(std::string_view text) {
  while (text.ends_with('\n')) text.remove_suffix(1);
  return ".nf\n" + roff_text(text, false) + "\n.fi\n";
}

std::string roff_bold(std::string_view word) { return "\\fB" + roff_text(word, false) + "\\fR"; }

}  // namespace ringcast

#include "protocol/document_text.h"

#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cctype>

#include "core/utf8.h"

namespace ringcast {
namespace {

constexpr std::string_view kBlanks = " \t\r\n\f\v";
constexpr std::size_t kMostTitleBytes = 160;
constexpr std::size_t kPassageChars = 1'000;
constexpr std::string_view kMarkdown = "text/markdown";

struct MimeType {
  std::string_view extension;
  std::string_view type;
};
constexpr auto kMimeTypes = std::to_array<MimeType>({
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"jsonl", "application/x-ndjson"},
    {"log", "text/plain"},
    {"markdown", kMarkdown},
    {"md", kMarkdown},
    {"mjs", "text/javascript"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"ndjson", "application/x-ndjson"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"rst", "text/x-rst"},
    {"svg", "image/svg+xml"},
    {"toml", "application/toml"},
    {"tsv", "text/tab-separated-values"},
    {"txt", "text/plain"},
    {"wav", "audio/wav"},
    {"webp", "image/webp"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
    {"yml", "application/yaml"},
    {"zip", "application/zip"},
});

std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kBlanks);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlanks) - begin + 1);
}

std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return trim(line);
}

// What stands between two lines `---` at the beginning is about the document, not of it.
void skip_front_matter(std::string_view& text) {
  std::string_view rest = text;
  if (take_line(rest) != "---") return;
  while (!rest.empty()) {
    if (take_line(rest) == "---") {
      text = rest;
      return;
    }
  }
}

std::string_view heading_of(std::string_view line) {
  const std::size_t level = line.find_first_not_of('#');
  if (level == 0 || level > 6 || level == std::string_view::npos || line[level] != ' ') return {};
  line = trim(line.substr(level));
  return trim(line.substr(0, line.find_last_not_of('#') + 1));
}

// The last place in the second half of `text` right behind `mark`; 0 if there is none.
std::size_t last_break(std::string_view text, std::string_view mark) {
  const std::size_t at = text.rfind(mark);
  return at == std::string_view::npos || at < text.size() / 2 ? 0 : at + mark.size();
}

}  // namespace

std::string_view mime_type_of(std::string_view path) {
  const std::size_t dot = path.find_last_of("./");
  if (dot == std::string_view::npos || path[dot] == '/') return {};
  std::string extension(path.substr(dot + 1));
  for (char& c : extension) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const auto* const found = std::ranges::find(kMimeTypes, extension, &MimeType::extension);
  return found == kMimeTypes.end() ? std::string_view() : found->type;
}

bool looks_like_text(std::string_view front) {
  Utf8Validator validator;
  return front.find('\0') == std::string_view::npos && validator.feed(front);
}

std::string document_title(std::string_view mime_type, std::string_view front) {
  const bool markdown = mime_type == kMarkdown;
  if (!markdown && mime_type != "text/plain" && mime_type != "text/x-rst") return {};
  front = cut_utf8(front, front.size());
  if (markdown) skip_front_matter(front);
  std::string_view first;
  while (!front.empty()) {
    const std::string_view line = take_line(front);
    const std::string_view heading = markdown ? heading_of(line) : line;
    if (!heading.empty()) return std::string(cut_utf8(heading, kMostTitleBytes));
    if (first.empty()) first = line;
  }
  return std::string(cut_utf8(first, kMostTitleBytes));
}

std::string_view next_passage(std::string_view& text) {
  for (;;) {
    const std::size_t begin = std::min(text.find_first_not_of(kBlanks), text.size());
    text.remove_prefix(begin);
    std::size_t end = 0;
    for (std::size_t chars = 0; end < text.size(); ++end) {
      const bool starts_char = (static_cast<unsigned char>(text[end]) & 0xc0) != 0x80;
      if (starts_char && chars++ == kPassageChars) break;
    }
    const std::string_view most = text.substr(0, end);
    if (end < text.size()) {
      for (const std::string_view mark : {"\n\n", "\n", ". ", " "}) {
        const std::size_t better = last_break(most, mark);
        if (better == 0) continue;
        end = better;
        break;
      }
    }
    const std::string_view passage = trim(text.substr(0, end));
    text.remove_prefix(end);
    if (!passage.empty() || text.empty()) return passage;
  }
}

std::string percent_encode_path(std::string_view path) {
  std::string out;
  out.reserve(path.size());
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x80 && std::isalnum(byte) != 0) || std::string_view("-._~/").contains(c)) {
      out += c;
    } else {
      out += fmt::format("%{:02X}", byte);
    }
  }
  return out;
}

std::string base64(std::string_view bytes) {
  std::string out((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()),
                                   reinterpret_cast<const unsigned char*>(bytes.data()),
                                   static_cast<int>(bytes.size()));
  out.resize(static_cast<std::size_t>(size));
  return out;
}

}  // namespace ringcast

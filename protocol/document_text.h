// What is read out of the text of a document: its kind, its title, its passages.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace ringcast {

// The media type that the file's name means; empty if it says nothing.
std::string_view mime_type_of(std::string_view path);

// True if these are the first bytes of a text: UTF-8 without NUL, perhaps cut inside a character.
bool looks_like_text(std::string_view front);

// The first heading of Markdown, else the first line that says something; empty if there is none
// or if texts of that type have no such thing. `front` is the beginning of the document.
std::string document_title(std::string_view mime_type, std::string_view front);

// The next passage of a text, about a thousand characters, and removes it: it ends between
// paragraphs if it can, else between lines, sentences or words. Empty at the end.
std::string_view next_passage(std::string_view& text);

// A path as it stands in a URI (RFC 3986): slashes and unreserved characters as they are.
std::string percent_encode_path(std::string_view path);

std::string base64(std::string_view bytes);

}  // namespace ringcast

#include "tools/ringcast/cli_table.h"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>

#include "tools/ringcast/cli_client.h"

namespace ringcast {
namespace {

using Element = simdjson::dom::element;
using Row = std::vector<std::string>;

void append_value(std::string& out, const Element& value) {
  std::string_view text;
  bool yes = false;
  simdjson::dom::array list;
  if (value.get(text) == simdjson::SUCCESS) {
    append_printable(out, text);
  } else if (value.get(yes) == simdjson::SUCCESS) {
    out += yes ? "yes" : "no";
  } else if (value.get(list) == simdjson::SUCCESS) {
    for (bool first = true; const Element each : list) {
      if (!std::exchange(first, false)) out += ',';
      append_value(out, each);
    }
  } else {
    out += simdjson::minify(value);
  }
}

std::string cell(const Element& object, const char* key) {
  Element value;
  std::string out;
  if (object[key].get(value) == simdjson::SUCCESS && !value.is_null()) append_value(out, value);
  return out.empty() ? "-" : out;
}

// Code points, which is near enough to columns.
std::size_t width(std::string_view text) {
  return static_cast<std::size_t>(
      std::ranges::count_if(text, [](char c) { return (c & 0xc0) != 0x80; }));
}

std::string lay_out(const std::vector<Row>& rows, std::span<const Column> columns) {
  std::vector<std::size_t> widths(columns.size());
  for (const Row& row : rows) {
    for (std::size_t n = 0; n < row.size(); ++n) widths[n] = std::max(widths[n], width(row[n]));
  }
  std::string text;
  for (const Row& row : rows) {
    for (std::size_t n = 0; n < row.size(); ++n) {
      const std::string padding(widths[n] - width(row[n]), ' ');
      const bool last = n + 1 == row.size();
      text += columns[n].number ? padding + row[n] : row[n] + (last ? "" : padding);
      text += last ? "\n" : "  ";
    }
  }
  return text;
}

}  // namespace

Result<std::string> table_of(std::string_view json, const char* list,
                             std::span<const Column> columns) {
  simdjson::dom::parser parser;
  simdjson::dom::array objects;
  if (parser.parse(json.data(), json.size())[list].get(objects) != simdjson::SUCCESS) {
    return fail("bad_response", fmt::format("The server's answer is no list of {}.", list));
  }
  std::vector<Row> rows(1);
  for (const Column& column : columns) rows.front().emplace_back(column.title);
  for (const Element object : objects) {
    Row& row = rows.emplace_back();
    for (const Column& column : columns) row.push_back(cell(object, column.key));
  }
  std::sort(rows.begin() + 1, rows.end());
  return lay_out(rows, columns);
}

Result<std::string> topics_table(std::string_view json) {
  static constexpr Column kColumns[] = {
      {"TOPIC", "topic"},       {"EVENTS", "events", true},
      {"BYTES", "bytes", true}, {"SUBSCRIBERS", "subscribers", true},
      {"FIRST ID", "first_id"}, {"LAST ID", "last_id"}};
  return table_of(json, "topics", kColumns);
}

}  // namespace ringcast

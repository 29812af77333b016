// Results in files: whatever the bytes, they are read or refused with a sentence that names the
// file, and what is read can be shown and compared.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "core/check.h"
#include "tools/ringload/diff.h"
#include "tools/ringload/report_csv.h"
#include "tools/ringload/report_html.h"
#include "tools/ringload/report_table.h"
#include "tools/ringload/result_file.h"

namespace ringcast::load {
namespace {

void check_results(std::string_view text) {
  const auto read = parse_results(text, "a.json");
  if (!read) {
    RINGCAST_CHECK(read.error().message.starts_with("a.json "));
    RINGCAST_CHECK(read.error().message.ends_with('.'));
    return;
  }
  RINGCAST_CHECK(!read->empty());
  for (const Measurement& each : *read) RINGCAST_CHECK(!each.runs.empty());
  RINGCAST_CHECK(!table_of(*read, 80).empty());
  RINGCAST_CHECK(csv_of(*read).ends_with("\r\n"));
  const std::string page = html_of(*read, "title");
  RINGCAST_CHECK(page.find("<script") == std::string::npos);
  // Nothing that comes from the text can have these quotes: they are places in a plot.
  for (const char* part : {"=\"nan", "=\"-nan", "=\"inf", "=\"-inf", "=\"Mnan", "=\"M-nan"}) {
    RINGCAST_CHECK(page.find(part) == std::string::npos);
  }
  const auto diff = diff_of(*read, *read, 0);
  RINGCAST_CHECK(diff.has_value());
  RINGCAST_CHECK(read->size() > 1 || !diff->worse());
}

}  // namespace
}  // namespace ringcast::load

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  ringcast::load::check_results({reinterpret_cast<const char*>(data), size});
  return 0;
}

// Lines of a stream, as the load program reads them: what it makes of them does not depend on how
// the bytes were cut, and is what a plain split gives; the same behind chunks.
//
// The input's first byte says where it is cut.
#include "tools/ringload/line_stream.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "core/check.h"
#include "tools/ringload/chunked_decoder.h"

namespace ringcast::load {
namespace {

using Lines = std::vector<std::string>;

Lines split(std::string_view text) {
  Lines lines;
  for (std::size_t end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    std::string line(text.substr(0, end));
    text.remove_prefix(end + 1);
    if (line.ends_with('\r')) line.pop_back();
    if (!line.empty()) lines.push_back(line);
  }
  return lines;
}

class Reader {
 public:
  void feed(std::string_view piece) {
    // Memory of exactly this size, so that reading beyond it shows.
    const std::vector<char> bytes(piece.begin(), piece.end());
    const bool fits = stream_.feed({bytes.data(), bytes.size()}, [this](std::string_view line) {
      RINGCAST_CHECK(!line.empty() && line.find('\n') == std::string_view::npos);
      lines_.emplace_back(line);
    });
    RINGCAST_CHECK(fits);
  }
  void feed_chunks(std::string_view piece) {
    chunks_.feed(piece, [this](std::string_view content) {
      content_ += content;
      feed(content);
    });
  }
  const Lines& lines() const { return lines_; }
  const std::string& content() const { return content_; }

 private:
  LineStream stream_;
  ChunkedDecoder chunks_;
  Lines lines_;
  std::string content_;
};

}  // namespace
}  // namespace ringcast::load

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace ringcast::load;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t at = data[0] % (bytes.size() + 1);
  const Lines expected = split(bytes);

  Reader cut;
  cut.feed(bytes.substr(0, at));
  cut.feed(bytes.substr(at));
  RINGCAST_CHECK(cut.lines() == expected);
  Reader slow;
  for (const char& byte : bytes) slow.feed({&byte, 1});
  RINGCAST_CHECK(slow.lines() == expected);

  Reader chunks;
  chunks.feed_chunks(bytes.substr(0, at));
  chunks.feed_chunks(bytes.substr(at));
  RINGCAST_CHECK(chunks.lines() == split(chunks.content()));
  return 0;
}

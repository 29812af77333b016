#include "net/websocket_deflate.h"

#include <zlib.h>

#include <algorithm>
#include <limits>
#include <span>
#include <utility>

#include "core/check.h"
#include "net/http_chars.h"
#include "net/websocket_extensions.h"

namespace ringcast {
namespace {

constexpr std::string_view kName = "permessage-deflate";
constexpr int kMostBits = 15;
constexpr int kLeastBits = 8;
constexpr int kLeastOwnBits = 9;
constexpr std::size_t kTailBytes = 4;
// Taken ahead for one round of zlib's; more comes by rounds.
constexpr std::size_t kMostAhead = 64 << 10;
constexpr std::size_t kLeastAhead = 64;

// The four parameters as an offer or an answer may have them.
struct Stated {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  std::optional<int> server_bits;
  std::optional<int> client_bits;
};

std::optional<int> read_bits(const std::optional<std::string_view>& text) {
  if (!text || text->empty() || text->size() > 2 || text->front() == '0') return std::nullopt;
  if (!chars::all(*text, chars::kDigit)) return std::nullopt;
  int bits = 0;
  for (const char digit : *text) bits = bits * 10 + (digit - '0');
  if (bits < kLeastBits || bits > kMostBits) return std::nullopt;
  return bits;
}

// Nothing if a parameter is unknown, given twice or has a value that it cannot have.
// `bare_client_bits`: an offer may name client_max_window_bits without a number.
std::optional<Stated> read_parameters(const WsExtension& extension, bool bare_client_bits) {
  Stated stated;
  if (extension.count > extension.parameters.size()) return std::nullopt;
  const auto flag = [](const WsExtension::Parameter& parameter, bool& value) {
    return !parameter.value && !std::exchange(value, true);
  };
  const auto number = [](const WsExtension::Parameter& parameter, std::optional<int>& value) {
    if (value) return false;
    value = read_bits(parameter.value);
    return value.has_value();
  };
  for (std::size_t i = 0; i < extension.count; ++i) {
    const WsExtension::Parameter& parameter = extension.parameters[i];
    bool good = false;
    if (parameter.name == "server_no_context_takeover") {
      good = flag(parameter, stated.server_no_context_takeover);
    } else if (parameter.name == "client_no_context_takeover") {
      good = flag(parameter, stated.client_no_context_takeover);
    } else if (parameter.name == "server_max_window_bits") {
      good = number(parameter, stated.server_bits);
    } else if (parameter.name == "client_max_window_bits") {
      if (bare_client_bits && !parameter.value && !stated.client_bits) {
        stated.client_bits = kMostBits;
        good = true;
      } else {
        good = number(parameter, stated.client_bits);
      }
    }
    if (!good) return std::nullopt;
  }
  return stated;
}

std::optional<DeflateParameters> meet(const Stated& offer, const DeflatePolicy& policy) {
  if (offer.server_bits && *offer.server_bits < kLeastOwnBits) return std::nullopt;
  DeflateParameters agreed;
  agreed.server_no_context_takeover =
      offer.server_no_context_takeover || policy.server_no_context_takeover;
  agreed.client_no_context_takeover =
      offer.client_no_context_takeover || policy.client_no_context_takeover;
  agreed.server_max_window_bits =
      std::min(offer.server_bits.value_or(kMostBits), policy.server_max_window_bits);
  agreed.says_server_bits = offer.server_bits.has_value();
  if (offer.client_bits) {
    agreed.client_max_window_bits = std::min(*offer.client_bits, policy.client_max_window_bits);
  }
  return agreed;
}

// Where compressed bytes go, for both kinds of buffers.
struct IntoBuffer {
  Buffer& out;
  std::size_t size() const { return out.size(); }
  std::span<char> room(std::size_t bytes) { return out.room(bytes); }
  void truncate(std::size_t bytes) {
    if (bytes > out.size()) out.grown(bytes - out.size());
    out.truncate(bytes);
  }
};
struct IntoVector {
  std::vector<char>& out;
  std::size_t size() const { return out.size(); }
  // What is there already counts from `used` on.
  std::span<char> room(std::size_t bytes) {
    const std::size_t used = out.size();
    out.resize(used + bytes);
    return std::span(out).subspan(used);
  }
  void truncate(std::size_t bytes) { out.resize(bytes); }
};

}  // namespace

std::optional<DeflateParameters> negotiate_deflate(std::string_view offers,
                                                   const DeflatePolicy& policy) {
  if (!policy.enabled) return std::nullopt;
  WsExtensionReader reader(offers);
  for (WsExtension offer; reader.next(offer);) {
    if (offer.name != kName) continue;
    const auto stated = read_parameters(offer, true);
    if (!stated) continue;
    if (const auto agreed = meet(*stated, policy)) return agreed;
  }
  return std::nullopt;
}

std::optional<DeflateParameters> negotiate_deflate(const RequestHead& head,
                                                   const DeflatePolicy& policy) {
  for (std::size_t i = 0; i < head.field_count(); ++i) {
    const HeaderField field = head.field(i);
    if (!chars::iequals(field.name, "sec-websocket-extensions")) continue;
    if (const auto agreed = negotiate_deflate(field.value, policy)) return agreed;
  }
  return std::nullopt;
}

std::string extension_header(const DeflateParameters& parameters) {
  std::string text(kName);
  if (parameters.server_no_context_takeover) text += "; server_no_context_takeover";
  if (parameters.client_no_context_takeover) text += "; client_no_context_takeover";
  if (parameters.says_server_bits || parameters.server_max_window_bits < kMostBits) {
    text += "; server_max_window_bits=" + std::to_string(parameters.server_max_window_bits);
  }
  if (parameters.client_max_window_bits < kMostBits) {
    text += "; client_max_window_bits=" + std::to_string(parameters.client_max_window_bits);
  }
  return text;
}

std::optional<DeflateParameters> read_deflate_answer(std::string_view answer) {
  WsExtensionReader reader(answer);
  WsExtension extension;
  if (!reader.next(extension) || extension.name != kName) return std::nullopt;
  const auto stated = read_parameters(extension, false);
  WsExtension second;
  if (!stated || reader.next(second) || reader.failed()) return std::nullopt;
  return DeflateParameters{.server_no_context_takeover = stated->server_no_context_takeover,
                           .client_no_context_takeover = stated->client_no_context_takeover,
                           .server_max_window_bits = stated->server_bits.value_or(kMostBits),
                           .client_max_window_bits = stated->client_bits.value_or(kMostBits),
                           .says_server_bits = stated->server_bits.has_value()};
}

// --- compressing (§7.2.1) ---

struct Deflater::Stream {
  z_stream z{};
  bool open = false;
  ~Stream() {
    if (open) deflateEnd(&z);
  }
};

Deflater::Deflater(const DeflateOptions& options) : options_(options) {
  RINGCAST_CHECK(options.window_bits >= kLeastOwnBits && options.window_bits <= kMostBits);
}
Deflater::~Deflater() = default;

bool Deflater::open() {
  if (!stream_) stream_ = std::make_unique<Stream>();
  if (stream_->open) return true;
  constexpr int kMemoryLevel = 8;
  stream_->open = deflateInit2(&stream_->z, options_.level, Z_DEFLATED, -options_.window_bits,
                               kMemoryLevel, Z_DEFAULT_STRATEGY) == Z_OK;
  return stream_->open;
}

template <class Out>
bool Deflater::run(std::string_view message, Out out) {
  if (!open()) return false;
  z_stream& z = stream_->z;
  std::size_t written = out.size();
  if (message.empty()) {
    // Flushing twice gives nothing, so the empty block is written by hand (§7.2.3.6).
    out.room(1)[0] = '\0';
    out.truncate(written + 1);
    return true;
  }
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(message.data()));
  z.avail_in = 0;
  std::size_t left = message.size();
  for (;;) {
    if (z.avail_in == 0) {
      z.avail_in = static_cast<uInt>(std::min<std::size_t>(left, 1 << 30));
      left -= z.avail_in;
    }
    const std::size_t ahead = std::min<std::size_t>(z.avail_in + z.avail_in / 8, kMostAhead);
    const std::span<char> room = out.room(ahead + kLeastAhead);
    const auto most =
        static_cast<uInt>(std::min<std::size_t>(room.size(), std::numeric_limits<uInt>::max()));
    z.next_out = reinterpret_cast<Bytef*>(room.data());
    z.avail_out = most;
    const int result = deflate(&z, left > 0 ? Z_NO_FLUSH : Z_SYNC_FLUSH);
    RINGCAST_CHECK(result == Z_OK || result == Z_BUF_ERROR);
    written += most - z.avail_out;
    out.truncate(written);
    if (z.avail_in == 0 && left == 0 && z.avail_out > 0) break;
  }
  out.truncate(written - kTailBytes);
  if (!options_.keep_context) deflateReset(&z);
  return true;
}

bool Deflater::compress(std::string_view message, Buffer& out) {
  return run(message, IntoBuffer{out});
}

bool Deflater::compress(std::string_view message, std::vector<char>& out) {
  return run(message, IntoVector{out});
}

}  // namespace ringcast

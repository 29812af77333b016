// permessage-deflate (RFC 7692): what both sides agree on, and compressing. net/websocket_inflater
// is the other direction.
//
//   const auto agreed = negotiate_deflate(exchange.head(), policy);   // then extension_header()
//   Deflater deflater({.window_bits = agreed->server_max_window_bits, …});
//   deflater.compress(message, out);                                  // a frame with RSV1
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/buffer.h"
#include "net/http_head.h"

namespace ringcast {

// What was agreed on (RFC 7692 §7.1).
struct DeflateParameters {
  bool server_no_context_takeover = false;
  bool client_no_context_takeover = false;
  int server_max_window_bits = 15;  // 9 to 15
  int client_max_window_bits = 15;  // 8 to 15
  bool says_server_bits = false;    // the client asked for a limit, so the answer names one

  bool operator==(const DeflateParameters&) const = default;
};

// What a server is willing to do. From its first compressed message on, a connection with context
// takeover costs 128 KiB and four times its window for compressing (256 KiB at 15 bits), and some
// 40 KiB for inflating; without it, nothing between messages.
struct DeflatePolicy {
  bool enabled = true;
  bool server_no_context_takeover = false;  // also where the client does not ask for it
  bool client_no_context_takeover = false;
  int server_max_window_bits = 15;  // 9 to 15
  int client_max_window_bits = 15;  // 8 to 15; for clients that let themselves be told
};

// Chooses from Sec-WebSocket-Extensions, all fields of it: the first offer that can be met. Other
// extensions are passed over, and offers with parameters that are unknown, given twice or out of
// range; also those of server_max_window_bits=8, which zlib cannot do (a raw stream of it needs 9).
std::optional<DeflateParameters> negotiate_deflate(const RequestHead& head,
                                                   const DeflatePolicy& policy);
// The same for the text of one field.
std::optional<DeflateParameters> negotiate_deflate(std::string_view offers,
                                                   const DeflatePolicy& policy);

// The value of Sec-WebSocket-Extensions that answers the offer.
std::string extension_header(const DeflateParameters& parameters);

// For a client that offered `permessage-deflate; client_max_window_bits`: the server's answer.
// Nothing if it is not one that this offer allows.
std::optional<DeflateParameters> read_deflate_answer(std::string_view answer);

struct DeflateOptions {
  int window_bits = 15;  // 9 to 15
  int level = 3;         // 1 to 9, as zlib has them
  bool keep_context = true;
};

// Compresses the messages of one direction. zlib's memory is taken with the first message. One that
// keeps no context may serve all connections of a core that agreed on as many window bits or more.
class Deflater {
 public:
  explicit Deflater(const DeflateOptions& options);
  ~Deflater();
  Deflater(const Deflater&) = delete;
  Deflater& operator=(const Deflater&) = delete;

  bool keeps_context() const { return options_.keep_context; }

  // Appends the message, compressed, without the 00 00 ff ff that the receiver adds (§7.2.1).
  // False without memory: nothing was appended, and the message may go out as it is.
  bool compress(std::string_view message, Buffer& out);
  bool compress(std::string_view message, std::vector<char>& out);

 private:
  struct Stream;
  bool open();
  template <class Out>
  bool run(std::string_view message, Out out);

  std::unique_ptr<Stream> stream_;
  DeflateOptions options_;
};

}  // namespace ringcast

#include "net/http_client.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>

#include "net/http_chars.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNsPerMs = 1'000'000;

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc{} || parsed.ptr != text.data() + text.size()) return std::nullopt;
  return number;
}

// `HTTP/1.1 200 OK`, without the line's end.
bool parse_status_line(std::string_view line, ClientResponse& out, bool& keep_alive) {
  if (line.size() < 12 || !line.starts_with("HTTP/1.") || line[8] != ' ') return false;
  if (line[7] != '0' && line[7] != '1') return false;
  const auto status = parse_number(line.substr(9, 3));
  if (!status || *status < 100 || *status > 599) return false;
  if (line.size() > 12 && line[12] != ' ') return false;
  const std::string_view reason = line.size() > 13 ? line.substr(13) : std::string_view{};
  if (!chars::all(reason, chars::kFieldText)) return false;
  out.status = static_cast<int>(*status);
  out.reason = reason;
  keep_alive = line[7] == '1';
  return true;
}

bool parse_response_head(std::string_view head, ClientResponse& out, bool& keep_alive) {
  out = {};
  const auto next_line = [&head] {
    const std::size_t end = head.find("\r\n");
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(end + 2);
    return line;
  };
  if (!parse_status_line(next_line(), out, keep_alive)) return false;
  for (std::string_view line = next_line(); !line.empty(); line = next_line()) {
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) return false;
    const std::string_view name = line.substr(0, colon);
    const std::string_view value = chars::trim(line.substr(colon + 1));
    if (!chars::is_token(name) || !chars::all(value, chars::kFieldText)) return false;
    out.headers.push_back({std::string(name), std::string(value)});
    if (!chars::iequals(name, "Connection")) continue;
    std::string_view member;
    for (std::string_view list = value; chars::next_member(list, member);) {
      if (chars::iequals(member, "close")) keep_alive = false;
    }
  }
  return true;
}

std::string write_head(const ClientRequest& request) {
  std::string head = fmt::format("{} {} HTTP/1.1\r\n", request.method, request.target);
  bool host_given = false;
  for (const ClientHeader& header : request.headers) {
    head += fmt::format("{}: {}\r\n", header.name, header.value);
    host_given |= chars::iequals(header.name, "Host");
  }
  if (!host_given) head += fmt::format("Host: {}\r\n", request.host);
  if (request.chunked) {
    head += "Transfer-Encoding: chunked\r\n";
  } else if (!request.body.empty() || (request.method != "GET" && request.method != "HEAD")) {
    head += fmt::format("Content-Length: {}\r\n", request.body.size());
  }
  return head += "\r\n";
}

}  // namespace

Result<HttpUrl> parse_http_url(std::string_view text) {
  const auto bad = [text](std::string_view why) {
    return fail("bad_url", fmt::format("`{}` is no URL of a server: {}.", text, why));
  };
  if (text.starts_with("https://")) {
    return bad("TLS is not spoken here; name the plain http:// port");
  }
  if (!text.starts_with("http://")) return bad("write http://HOST:PORT");
  const std::string_view rest = text.substr(7);
  const std::size_t slash = rest.find('/');
  const std::string_view authority = rest.substr(0, slash);
  std::string_view path = slash == std::string_view::npos ? "" : rest.substr(slash);
  while (path.ends_with('/')) path.remove_suffix(1);
  if (authority.find('@') != std::string_view::npos) return bad("user names are not supported");
  if (path.find_first_of("?#") != std::string_view::npos || !chars::all(rest, chars::kTarget)) {
    return bad("it has characters that do not belong there");
  }
  HttpUrl url{
      .host = {}, .port = "80", .authority = std::string(authority), .path = std::string(path)};
  const std::size_t bracket = authority.rfind(']');
  const std::size_t colon = authority.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  std::string_view host = authority.substr(0, has_port ? colon : authority.size());
  if (has_port) url.port = authority.substr(colon + 1);
  const auto port = parse_number(url.port);
  if (!port || *port == 0 || *port > 65535) return bad("the port is a number from 1 to 65535");
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
  } else if (host.find(':') != std::string_view::npos) {
    return bad("an IPv6 address stands in brackets, such as [::1]:8080");
  }
  if (host.empty()) return bad("the host is missing");
  url.host = host;
  return url;
}

Result<std::vector<SocketAddress>> resolve(const HttpUrl& url) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &found);
  if (error != 0) {
    return fail("unknown_host",
                fmt::format("Host `{}` is not known: {}.", url.host, gai_strerror(error)));
  }
  std::vector<SocketAddress> addresses;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    SocketAddress& address = addresses.emplace_back();
    std::memcpy(&address.storage, each->ai_addr, each->ai_addrlen);
    address.length = each->ai_addrlen;
  }
  freeaddrinfo(found);
  return addresses;
}

std::string percent_encode(std::string_view text) {
  std::string encoded;
  for (const char c : text) {
    const bool alphanumeric =
        (c >= '0' && c <= '9') || (chars::lower(c) >= 'a' && chars::lower(c) <= 'z');
    if (alphanumeric || c == '-' || c == '.' || c == '_' || c == '~') {
      encoded += c;
    } else {
      encoded += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return encoded;
}

std::optional<std::string> header_problem(const ClientHeader& header) {
  if (!chars::is_token(header.name)) {
    return fmt::format("`{}` is no name of a header", header.name);
  }
  if (!chars::all(header.value, chars::kFieldText)) {
    return fmt::format("the value of `{}` has control characters", header.name);
  }
  for (const std::string_view ours :
       {"Content-Length", "Transfer-Encoding", "Connection", "Expect", "Upgrade", "TE"}) {
    if (chars::iequals(header.name, ours)) {
      return fmt::format("`{}` is set by the client itself", ours);
    }
  }
  return std::nullopt;
}

std::string_view ClientResponse::find(std::string_view name) const {
  for (const ClientHeader& header : headers) {
    if (chars::iequals(header.name, name)) return header.value;
  }
  return {};
}

HttpClient::HttpClient(Scope& scope, const ClientTimes& times)
    : scope_(scope), times_(times), in_(kHeadBytesMax) {}

void HttpClient::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

std::int64_t HttpClient::after_ms(std::int64_t ms) const {
  // Not the turn's time: that is old after a DNS query.
  return ms < 0 ? Socket::kNoDeadline : scope_.reactor().driver().now_ns() + ms * kNsPerMs;
}

Error HttpClient::lost(int error) const {
  switch (error) {
    case ECANCELED:
      return {"cancelled", "Interrupted."};
    case ETIMEDOUT:
      return {"timed_out", fmt::format("{} did not answer in time.", peer_)};
    case ECONNREFUSED:
      return {"connection_refused",
              fmt::format("Nobody listens on {} (connection refused).", peer_)};
    case EHOSTUNREACH:
    case ENETUNREACH:
    case EADDRNOTAVAIL:
      return {"unreachable", fmt::format("{} cannot be reached: {}.", peer_, std::strerror(error))};
    default:
      return {"connection_lost",
              fmt::format("The connection to {} broke: {}.", peer_, std::strerror(error))};
  }
}

Task<Result<void>> HttpClient::connect(std::span<const SocketAddress> addresses) {
  RINGCAST_CHECK(!addresses.empty());
  Result<void> connected;
  for (const SocketAddress& address : addresses) {
    connected = co_await connect_to(address);
    if (connected || connected.error().code == "cancelled") break;
  }
  co_return connected;
}

Task<Result<void>> HttpClient::connect_to(SocketAddress address) {
  close();
  begin_ = end_ = 0;
  finished_ = true;
  keep_alive_ = true;
  peer_ = address_text(address);
  fd_ = ::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0) co_return std::unexpected(lost(errno));
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  const Socket socket(scope_, descriptor());
  const int result =
      co_await socket.connect(address.get(), address.length, after_ms(times_.connect_ms));
  if (result < 0) {
    close();
    co_return std::unexpected(lost(-result));
  }
  co_return Result<void>{};
}

Task<Result<void>> HttpClient::send(std::string_view bytes) {
  const Socket socket(scope_, descriptor());
  // A send that a signal or a full socket cut short goes on with what is left.
  while (!bytes.empty()) {
    const int result = co_await socket.send(bytes, after_ms(times_.send_ms));
    if (result == -EINTR) continue;
    if (result <= 0) co_return std::unexpected(lost(result == 0 ? EPIPE : -result));
    bytes.remove_prefix(static_cast<std::size_t>(result));
  }
  co_return Result<void>{};
}

Task<Result<void>> HttpClient::send_head(ClientRequest request) {
  RINGCAST_CHECK(connected() && finished_);
  head_request_ = request.method == "HEAD";
  finished_ = false;
  std::string bytes = write_head(request);
  constexpr std::size_t kSendTogether = 64 << 10;
  const bool together = request.body.size() <= kSendTogether;
  if (together) bytes += request.body;
  auto sent = co_await send(bytes);
  if (sent && !together) sent = co_await send(request.body);
  co_return sent;
}

Task<Result<void>> HttpClient::send_chunk(std::string_view data) {
  if (data.empty()) co_return Result<void>{};  // would end the body
  std::string bytes(ChunkHeader(data.size()).text());
  bytes += data;
  bytes += kChunkEnd;
  co_return co_await send(bytes);
}

Task<Result<void>> HttpClient::finish_chunks() { co_return co_await send(kLastChunk); }

Task<Result<ClientResponse>> HttpClient::request(ClientRequest request) {
  auto sent = co_await send_head(request);
  if (!sent && sent.error().code != "connection_lost") co_return std::unexpected(sent.error());
  // A server that refuses a body answers and closes before it has read all of it.
  auto answer = co_await response();
  if (!sent && !answer) co_return std::unexpected(sent.error());
  co_return answer;
}

Task<Result<ClientResponse>> HttpClient::response() {
  const std::int64_t by = after_ms(times_.response_ms);
  ClientResponse response;
  for (std::size_t searched = 0;;) {
    const std::size_t end = waiting().find("\r\n\r\n", searched < 3 ? 0 : searched - 3);
    if (end != std::string_view::npos) {
      if (!parse_response_head(waiting().substr(0, end + 4), response, keep_alive_)) {
        co_return fail("bad_response", fmt::format("{} does not answer in HTTP/1.1.", peer_));
      }
      begin_ += end + 4;
      searched = 0;
      if (response.status >= 200 || response.status == 101) break;
      continue;
    }
    searched = waiting().size();
    if (searched == in_.size()) {
      co_return fail("too_large",
                     fmt::format("The head of the response of {} is too long.", peer_));
    }
    // What does not begin like HTTP never becomes a head; say so without waiting for its end.
    const std::string_view begin = waiting().substr(0, 5);
    if (!std::string_view("HTTP/").starts_with(begin)) {
      co_return fail("bad_response", fmt::format("{} does not answer in HTTP/1.1.", peer_));
    }
    const auto more = co_await fill(by);
    if (!more) co_return std::unexpected(more.error());
    if (!*more) {
      co_return fail("closed_early",
                     fmt::format("{} closed the connection without a response.", peer_));
    }
  }
  if (auto settled = settle_framing(response); !settled) {
    co_return std::unexpected(settled.error());
  }
  co_return response;
}

// RFC 9112 §6.3.
Result<void> HttpClient::settle_framing(const ClientResponse& response) {
  const auto bad = [this](std::string_view what) {
    return fail("bad_response", fmt::format("The response of {} has {}.", peer_, what));
  };
  chunks_ = ChunkedDecoder();
  remaining_ = 0;
  framing_ = Framing::until_close;
  if (response.status == 101) {  // what follows is another protocol's (RFC 9110 §15.2.2)
    keep_alive_ = false;
    return {};
  }
  bool length_given = false;
  for (const ClientHeader& header : response.headers) {
    if (chars::iequals(header.name, "Transfer-Encoding")) {
      if (!chars::iequals(header.value, "chunked") || framing_ == Framing::chunked) {
        return bad("an unknown transfer coding");
      }
      framing_ = Framing::chunked;
    } else if (chars::iequals(header.name, "Content-Length")) {
      const auto length = parse_number(header.value);
      if (!length || (length_given && *length != remaining_)) return bad("no clear length");
      length_given = true;
      remaining_ = *length;
    }
  }
  if (framing_ == Framing::chunked && length_given) return bad("two lengths");
  if (length_given) framing_ = Framing::length;
  if (head_request_ || response.status == 204 || response.status == 304) framing_ = Framing::none;
  if (framing_ == Framing::until_close) keep_alive_ = false;
  finished_ = framing_ == Framing::none || (framing_ == Framing::length && remaining_ == 0);
  return {};
}

Task<Result<bool>> HttpClient::fill(std::int64_t by) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (end_ == in_.size()) {
    std::memmove(in_.data(), in_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const Socket socket(scope_, descriptor());
  for (;;) {
    const int result = co_await socket.receive_into(std::span(in_).subspan(end_), by);
    if (result == -EINTR) continue;
    if (result < 0) co_return std::unexpected(lost(-result));
    end_ += static_cast<std::size_t>(result);
    co_return result > 0;
  }
}

Task<Result<std::string_view>> HttpClient::take_chunked(std::int64_t by) {
  for (;;) {
    while (begin_ < end_) {
      const ChunkedDecoder::Step step = chunks_.decode(waiting());
      begin_ += step.consumed;
      if (step.state == ChunkedDecoder::State::failed) {
        co_return fail("bad_response", fmt::format("The response of {} has bad chunks.", peer_));
      }
      finished_ = step.state == ChunkedDecoder::State::done;
      if (finished_ || !step.data.empty()) co_return step.data;
    }
    const auto more = co_await fill(by);
    if (!more) co_return std::unexpected(more.error());
    if (!*more) {
      co_return fail("closed_early",
                     fmt::format("{} closed the connection within its response.", peer_));
    }
  }
}

Task<Result<std::string_view>> HttpClient::next_piece(std::int64_t limit_ms) {
  if (finished_) co_return std::string_view{};
  const std::int64_t by = after_ms(limit_ms);
  if (framing_ == Framing::chunked) co_return co_await take_chunked(by);
  if (begin_ == end_) {
    const auto more = co_await fill(by);
    if (!more) co_return std::unexpected(more.error());
    if (!*more && framing_ == Framing::length) {
      co_return fail("closed_early",
                     fmt::format("{} closed the connection within its response.", peer_));
    }
    finished_ = !*more;
  }
  std::string_view piece = waiting();
  if (framing_ == Framing::length) {
    piece = piece.substr(0, remaining_);
    remaining_ -= piece.size();
    finished_ = remaining_ == 0;
  }
  begin_ += piece.size();
  co_return piece;
}

Task<Result<std::string>> HttpClient::body(std::size_t most_bytes) {
  std::string all;
  while (!finished_) {
    const auto piece = co_await next_piece(times_.response_ms);
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->size() > most_bytes - all.size()) {
      co_return fail("too_large", fmt::format("The response of {} is too long.", peer_));
    }
    all += *piece;
  }
  co_return all;
}

}  // namespace ringcast

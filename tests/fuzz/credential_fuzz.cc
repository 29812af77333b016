// What a request brings, and the tokens among it: the input is a head of a request, a zero byte,
// and a text that is taken for a token, and for the claims of one that is signed.
#include <fmt/format.h>
#include <openssl/evp.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/check.h"
#include "net/head_scanner.h"
#include "net/http_head.h"
#include "protocol/auth/jwt_verifier.h"
#include "protocol/credential.h"
#include "tests/protocol/token_maker.h"

namespace ringcast {
namespace {

constexpr std::int64_t kNowMs = 1'800'000'000'000;
constexpr std::string_view kCookie = "ringcast_token";

void check_head(std::string_view text) {
  HeadScanner scanner({});
  if (scanner.scan(text) != HeadScanner::State::complete) return;
  RequestHead head;
  if (parse_head(scanner.head(text), head)) return;
  std::string room;
  std::string other_room;
  const Credential all = credential_of(head, kCookie, room);
  const Credential without = credential_of(head, "", other_room);
  RINGCAST_CHECK((all.kind == Credential::Kind::none) == all.text.empty());
  // Only a cookie may make a difference, and there has to be one.
  if (all.text == without.text) return;
  const auto cookie = head.find("Cookie");
  RINGCAST_CHECK(cookie && cookie->find(kCookie) != std::string_view::npos);
  RINGCAST_CHECK(cookie->find(all.text) != std::string_view::npos);
  RINGCAST_CHECK(all.kind == Credential::Kind::token &&
                 !head.find("X-API-Key").value_or("").size());
}

struct Signed {
  TokenMaker maker = TokenMaker::secret(std::string(32, 's'));
  JwtVerifier verifier = make();

  JwtVerifier make() const {
    JwtRules rules;
    rules.audiences = {"*"};
    auto made = JwtVerifier::create(rules, "{\"keys\":[" + maker.jwk() + "]}");
    RINGCAST_CHECK(made);
    return std::move(*made);
  }
};

void check_token(std::string_view text) {
  static const Signed with;
  // Nobody finds a signature.
  RINGCAST_CHECK(!with.verifier.verify(text, kNowMs));
  const std::string token = with.maker.token("HS256", text);
  const auto verified = with.verifier.verify(token, kNowMs);
  if (!verified) {
    RINGCAST_CHECK(verified.error().message.ends_with('.'));
    RINGCAST_CHECK(verified.error().code != "unknown_signer");
    return;
  }
  const Principal& who = *verified;
  RINGCAST_CHECK(who.proved && !who.nameless && who.expires_ms > kNowMs);
  RINGCAST_CHECK(who.name.starts_with("jwt") && who.name.size() < 500);
  RINGCAST_CHECK(who.name.find_first_of("\r\n\t") == std::string::npos);
  RINGCAST_CHECK(!who.grants.admin() || text.find("admin") != std::string_view::npos ||
                 text.find('\\') != std::string_view::npos);
  // Another signature proves nothing.
  std::string changed = token;
  char& last = changed[changed.size() - 20];
  last = last == 'A' ? 'B' : 'A';
  RINGCAST_CHECK(!with.verifier.verify(changed, kNowMs));
}

}  // namespace
}  // namespace ringcast

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::size_t zero = input.find('\0');
  ringcast::check_head(input.substr(0, zero));
  if (zero != std::string_view::npos) ringcast::check_token(input.substr(zero + 1));
  return 0;
}

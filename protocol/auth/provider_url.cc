#include "protocol/auth/provider_url.h"

#include <arpa/inet.h>
#include <curl/curl.h>

#include <memory>

namespace ringcast {
namespace {

struct FreeUrl {
  void operator()(CURLU* url) const { curl_url_cleanup(url); }
};
using Url = std::unique_ptr<CURLU, FreeUrl>;

// Read by whoever asks there, so that nobody else reads it another way. Null: it is none.
Url parse(std::string_view text) {
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, std::string(text).c_str(), 0) != CURLUE_OK) {
    return nullptr;
  }
  return url;
}

std::string part(const Url& url, CURLUPart which) {
  char* text = nullptr;
  if (curl_url_get(url.get(), which, &text, 0) != CURLUE_OK) return {};
  std::string out(text);
  curl_free(text);
  return out;
}

}  // namespace

bool is_provider_url(std::string_view url) {
  const Url parsed = parse(url);
  return parsed && !part(parsed, CURLUPART_HOST).empty();
}

bool is_on_loopback(std::string_view url) {
  const Url parsed = parse(url);
  if (!parsed) return false;
  const std::string host = part(parsed, CURLUPART_HOST);
  in_addr address{};
  if (inet_pton(AF_INET, host.c_str(), &address) == 1) return ntohl(address.s_addr) >> 24 == 127;
  return host == "localhost" || host == "[::1]";
}

std::string shown_url(std::string_view url) {
  const Url parsed = parse(url);
  if (!parsed) return "(no address)";
  for (const CURLUPart hidden : {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                 CURLUPART_QUERY, CURLUPART_FRAGMENT}) {
    curl_url_set(parsed.get(), hidden, nullptr, 0);
  }
  return part(parsed, CURLUPART_URL);
}

}  // namespace ringcast

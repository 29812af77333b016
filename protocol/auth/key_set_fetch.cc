#include "protocol/auth/key_set_fetch.h"

#include <curl/curl.h>
#include <fmt/format.h>

#include "protocol/auth/provider_url.h"

namespace ringcast {
namespace {

constexpr long kTimeoutMs = 10'000;
constexpr long kMostRedirects = 3;
constexpr int kPollMs = 1'000;

struct EndTransfer {
  void operator()(CURL* transfer) const { curl_easy_cleanup(transfer); }
};

struct Answer {
  std::string text;
  std::size_t most_bytes;
};

std::size_t take(char* bytes, std::size_t, std::size_t count, void* to) {
  auto& answer = *static_cast<Answer*>(to);
  if (answer.text.size() + count > answer.most_bytes) return 0;  // ends the transfer
  answer.text.append(bytes, count);
  return count;
}

void prepare(CURL* transfer, const JwtRules& rules, Answer& answer) {
  curl_easy_setopt(transfer, CURLOPT_URL, rules.jwks.c_str());
  curl_easy_setopt(transfer, CURLOPT_PROTOCOLS_STR, "http,https");
  curl_easy_setopt(transfer, CURLOPT_REDIR_PROTOCOLS_STR, "https");
  curl_easy_setopt(transfer, CURLOPT_FOLLOWLOCATION, 1L);
  curl_easy_setopt(transfer, CURLOPT_MAXREDIRS, kMostRedirects);
  curl_easy_setopt(transfer, CURLOPT_TIMEOUT_MS, kTimeoutMs);
  curl_easy_setopt(transfer, CURLOPT_NOSIGNAL, 1L);
  curl_easy_setopt(transfer, CURLOPT_FAILONERROR, 1L);
  curl_easy_setopt(transfer, CURLOPT_ACCEPT_ENCODING, "");
  curl_easy_setopt(transfer, CURLOPT_WRITEFUNCTION, &take);
  curl_easy_setopt(transfer, CURLOPT_WRITEDATA, &answer);
}

CURLcode outcome(CURLM* transfers) {
  int left = 0;
  const CURLMsg* const message = curl_multi_info_read(transfers, &left);
  return message != nullptr && message->msg == CURLMSG_DONE ? message->data.result
                                                            : CURLE_ABORTED_BY_CALLBACK;
}

}  // namespace

void KeySetFetch::End::operator()(void* transfers) const {
  curl_multi_cleanup(static_cast<CURLM*>(transfers));
}

KeySetFetch::KeySetFetch() {
  static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
  if (ready == CURLE_OK) transfers_.reset(curl_multi_init());
}

Result<std::string> KeySetFetch::fetch(const JwtRules& rules) {
  const std::unique_ptr<CURL, EndTransfer> transfer(curl_easy_init());
  auto* const transfers = static_cast<CURLM*>(transfers_.get());
  Answer answer{.text = {}, .most_bytes = rules.max_key_set_bytes};
  if (transfer) prepare(transfer.get(), rules, answer);
  if (!transfer || transfers == nullptr ||
      curl_multi_add_handle(transfers, transfer.get()) != CURLM_OK) {
    return fail("bad_key_set", "There is no memory to ask for a key set.");
  }
  for (int running = 1; !cancelled_;) {
    if (curl_multi_perform(transfers, &running) != CURLM_OK || running == 0) break;
    curl_multi_poll(transfers, nullptr, 0, kPollMs, nullptr);
  }
  // Nor for a name to be looked up.
  if (cancelled_) curl_easy_setopt(transfer.get(), CURLOPT_QUICK_EXIT, 1L);
  const CURLcode code = outcome(transfers);
  curl_multi_remove_handle(transfers, transfer.get());
  if (code == CURLE_OK) return std::move(answer.text);
  return fail("bad_key_set",
              fmt::format("{}: {}.", shown_url(rules.jwks),
                          code == CURLE_WRITE_ERROR
                              ? fmt::format("It has more than {} bytes (jwt.max_key_set_bytes)",
                                            rules.max_key_set_bytes)
                              : curl_easy_strerror(code)));
}

void KeySetFetch::cancel() {
  cancelled_ = true;
  if (transfers_) curl_multi_wakeup(static_cast<CURLM*>(transfers_.get()));
}

}  // namespace ringcast

#include "protocol/client_limits.h"

#include <fmt/format.h>

#include <algorithm>

namespace ringcast {

void ClientLimits::configure(const Config& config) {
  exempt_.clear();
  for (const std::string& range : config.limits.exempt) {
    exempt_.push_back(*AddressRange::parse(range));
  }
  of_client_.requests = config.limits.requests_per_minute;
  of_key_.requests = config.limits.requests_per_minute_per_key;
  of_failures_.requests = config.limits.auth_failures_per_minute;
  most_streams_ = config.limits.max_streams_per_client;
}

bool ClientLimits::exempt(const ClientAddress& client) const {
  // An address of this machine that somebody elsewhere wrote, or that could not be read.
  ClientAddress here = client;
  here.elsewhere = false;
  if (client.elsewhere && here.loopback()) return false;
  if (client.unix_socket()) return true;
  return std::ranges::any_of(
      exempt_, [&client](const AddressRange& range) { return range.contains(client); });
}

std::uint64_t ClientLimits::key_of(std::string_view kind, const ClientAddress& client) const {
  const auto bytes = client.prefix64().bytes;
  return shared_.rates.key_of(kind, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

bool ClientLimits::may_ask(const ClientAddress& client, std::int64_t now_ns) const {
  return exempt(client) || shared_.rates.look(key_of("client", client), of_client_, now_ns).allowed;
}

bool ClientLimits::may_fail(const ClientAddress& client, std::int64_t now_ns) const {
  return exempt(client) ||
         shared_.rates.look(key_of("failure", client), of_failures_, now_ns).allowed;
}

std::optional<ClientLimits::Counted> ClientLimits::counted(const ClientAddress& client,
                                                           const Principal* who) const {
  if (who != nullptr && who->proved) {
    Rate rate = of_key_;
    if (who->requests_per_minute != 0) rate.requests = who->requests_per_minute;
    if (rate.requests == 0) return {};
    return Counted{shared_.rates.key_of("key", who->name),
                   rate,
                   {.name = "key", .counted = "requests a minute for one key"}};
  }
  if (of_client_.requests == 0 || exempt(client)) return {};
  return Counted{key_of("client", client),
                 of_client_,
                 {.name = "client", .counted = "requests a minute for one client"}};
}

bool ClientLimits::refuse_request(HttpExchange& exchange, const Principal* who,
                                  std::int64_t now_ns) {
  const auto of = counted(exchange.client(), who);
  return of && refuse(exchange, of->key, of->rate, of->policy, now_ns);
}

std::uint64_t ClientLimits::take_message(const ClientAddress& client, const Principal& who,
                                         std::int64_t now_ns) {
  const auto of = counted(client, &who);
  if (!of) return 0;
  const RateVerdict verdict = shared_.rates.take(of->key, of->rate, now_ns);
  if (verdict.allowed) return 0;
  counters.messages.add();
  return std::uint64_t{verdict.retry_after_s} * 1000;
}

bool ClientLimits::take_session(const ClientAddress& client, std::uint32_t most,
                                ClientPlaces::Place& place) {
  if (most == 0 || exempt(client)) return true;
  place = shared_.sessions.take(client.prefix64().bytes, most);
  return place != nullptr;
}

bool ClientLimits::refuse_failure(HttpExchange& exchange, std::int64_t now_ns) {
  if (of_failures_.requests == 0 || exempt(exchange.client())) return false;
  return refuse(exchange, key_of("failure", exchange.client()), of_failures_,
                {.name = "auth-failures", .counted = "wrong keys or tokens a minute of one client"},
                now_ns);
}

bool ClientLimits::refuse(HttpExchange& exchange, std::uint64_t key, const Rate& rate,
                          const Policy& policy, std::int64_t now_ns) {
  const RateVerdict verdict = shared_.rates.take(key, rate, now_ns);
  if (verdict.allowed) return false;
  counters.requests.add();
  exchange.refuse(
      429, "too_many_requests",
      fmt::format("These are more than {} {}; try again in {} s.", rate.requests, policy.counted,
                  verdict.retry_after_s),
      {{"Retry-After", fmt::format("{}", verdict.retry_after_s)},
       {"RateLimit-Policy",
        fmt::format("\"{}\";q={};w={}", policy.name, rate.requests, rate.window_s)},
       {"RateLimit", fmt::format("\"{}\";r=0;t={}", policy.name, verdict.retry_after_s)}});
  return true;
}

bool ClientLimits::refuse_stream(HttpExchange& exchange, ClientPlaces::Place& place) {
  if (most_streams_ == 0 || exempt(exchange.client())) return false;
  place = shared_.streams.take(exchange.client().prefix64().bytes, most_streams_);
  if (place != nullptr) return false;
  counters.streams.add();
  exchange.refuse(
      429, "too_many_streams",
      fmt::format("Too many stream connections: one client may have {}.", most_streams_),
      {{"Retry-After", "5"}});
  return true;
}

}  // namespace ringcast

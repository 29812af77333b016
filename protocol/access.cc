#include "protocol/access.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "protocol/credential.h"

namespace ringcast {
namespace {

constexpr std::string_view kRealm = R"(Bearer realm="ringcast")";
constexpr std::string_view kBring =
    "Bring a token (Authorization: Bearer TOKEN, or ?token=TOKEN) or an API key (X-API-Key).";

// Of whoever need not bring anything.
enum class Nobody : std::uint8_t { local, remote, nameless };

PrincipalPtr somebody(Nobody kind) {
  const auto make = [](Nobody which) {
    Grants grants;
    for (std::size_t i = 0; i < kActionNames.size(); ++i) grants.add(static_cast<Action>(i), "*");
    if (which == Nobody::local) grants.make_admin();
    return std::make_shared<const Principal>(Principal{.name = "anybody",
                                                       .grants = std::move(grants),
                                                       .nameless = which == Nobody::nameless,
                                                       .proved = false});
  };
  thread_local const std::array<PrincipalPtr, 3> made = {make(Nobody::local), make(Nobody::remote),
                                                         make(Nobody::nameless)};
  return made[static_cast<std::size_t>(kind)];
}

}  // namespace

std::expected<PrincipalPtr, AccessRefusal> identify(const HttpExchange& exchange,
                                                    Authenticator& authenticator,
                                                    std::int64_t now_ms, Identification how) {
  if (!authenticator.required() && !authenticator.admins_are_named()) {
    return somebody(exchange.client().loopback() ? Nobody::local : Nobody::remote);
  }
  const bool required = authenticator.required() && how.required;
  std::string room;
  const Credential brought =
      credential_of(exchange.head(), how.cookies ? authenticator.cookie() : "", room);
  if (brought.kind != Credential::Kind::none) {
    auto known = brought.kind == Credential::Kind::key
                     ? authenticator.identify_key(brought.text)
                     : authenticator.identify(brought.text, now_ms, how.may_verify);
    if (known) return std::move(*known);
    if (required && known.error().code == "no_key_set") {
      return std::unexpected(AccessRefusal{503, known.error().code, known.error().message, {}});
    }
    if (required) {
      return std::unexpected(
          AccessRefusal{401, known.error().code, known.error().message,
                        fmt::format(R"({}, error="invalid_token", error_description="{}")", kRealm,
                                    known.error().message),
                        true});
    }
  }
  if (!required) return somebody(Nobody::nameless);
  if (PrincipalPtr anonymous = authenticator.anonymous()) return anonymous;
  return std::unexpected(
      AccessRefusal{401, "unauthorized", std::string(kBring), std::string(kRealm)});
}

PrincipalPtr renew_access(const PrincipalPtr& who, const Authenticator& authenticator, bool asked) {
  const bool required = authenticator.required() && asked;
  if (who->proved) {
    PrincipalPtr now = authenticator.renew(who);
    if (now != nullptr || required) return now;
  }
  const bool open = !authenticator.required() && !authenticator.admins_are_named();
  if (open) {
    const bool here = !who->proved && !who->nameless && who->grants.admin();
    return somebody(here ? Nobody::local : Nobody::remote);
  }
  return required ? authenticator.anonymous() : somebody(Nobody::nameless);
}

std::string denial(Action action, std::string_view name) {
  return fmt::format("What you bring does not grant {}:{}.",
                     kActionNames[static_cast<std::size_t>(action)], name);
}

std::string ended_access() { return fmt::format(R"({}, error="invalid_token")", kRealm); }

std::string insufficient_scope(std::string_view scope) {
  return fmt::format(R"({}, error="insufficient_scope", scope="{}")", kRealm, scope);
}

namespace {

// Whoever brought nothing is asked to (RFC 6750 §3.1).
AccessRefusal insufficient(const Principal& who, std::string message, std::string_view scope) {
  if (who.nameless) {
    message = fmt::format("{} Nobody else may {}.", kBring, scope.empty() ? "administer" : scope);
    return {401, "unauthorized", std::move(message), std::string(kRealm)};
  }
  return {403, "forbidden", std::move(message), insufficient_scope(scope)};
}

}  // namespace

std::optional<AccessRefusal> refusal_of(const Principal& who, Action action,
                                        std::string_view name) {
  if (who.grants.allows(action, name)) return {};
  return insufficient(who, denial(action, name),
                      fmt::format("{}:{}", kActionNames[static_cast<std::size_t>(action)], name));
}

std::optional<AccessRefusal> refusal_to_subscribe(const Principal& who,
                                                  const Subscription& wanted) {
  for (const auto* const names : {&wanted.topics, &wanted.patterns}) {
    for (const std::string& name : *names) {
      if (auto refusal = refusal_of(who, Action::subscribe, name)) return refusal;
    }
  }
  return {};
}

std::optional<AccessRefusal> refusal_to_administer(const Principal& who) {
  if (who.grants.admin()) return {};
  return insufficient(who, "Only those who are granted `admin` may do that.", "admin");
}

}  // namespace ringcast

// `ringcast access`: makes API keys, and tells what a credential may do by an access file.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <openssl/rand.h>

#include <CLI/CLI.hpp>
#include <array>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>

#include "protocol/auth/access_source.h"
#include "protocol/auth/key_set_fetch.h"
#include "protocol/log.h"
#include "tools/ringcast/cli_client.h"
#include "tools/ringcast/cli_commands.h"

namespace ringcast {
namespace {

constexpr const char* kKeyExamples = R"(Examples:
  A key for what publishes measurements; the second part goes into the access file:
    ringcast access key ingest

The key itself is stored nowhere: give it to whoever is to use it, as X-API-Key.
)";

constexpr const char* kCheckExamples = R"(Examples:
  Is the access file right?
    ringcast access check access.yaml
  Who is it that brings this, and what may it do?
    ringcast access check access.yaml --token "$TOKEN"
)";

// 256 random bits as text, so that its plain hash is as good as it.
std::string random_key() {
  constexpr std::string_view kDigits =
      "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX";
  std::string key = "rk_";
  std::array<unsigned char, 1> byte{};
  while (key.size() < 48) {
    if (RAND_bytes(byte.data(), 1) != 1) return {};
    const unsigned index = byte[0] & 63U;
    if (index < kDigits.size()) key += kDigits[index];
  }
  return key;
}

std::string hex(const Sha256& hash) {
  std::string text;
  for (const unsigned char byte : hash) text += fmt::format("{:02x}", byte);
  return text;
}

int make_key(const std::string& name) {
  const std::string key = random_key();
  if (key.empty()) {
    complain("There is no randomness to be had.");
    return kExitFailed;
  }
  fmt::print("{}\n\nkeys:\n  {}:\n    hash: \"sha256:{}\"\n    publish: []\n    subscribe: []\n",
             key, name, hex(sha256(key)));
  return 0;
}

void print_grants(const Principal& who) {
  fmt::print("{}\n", who.name);
  bool any = who.grants.admin();
  if (any) fmt::print("  admin: true\n");
  for (std::size_t i = 0; i < kActionNames.size(); ++i) {
    const auto& names = who.grants.names(static_cast<Action>(i));
    if (!names.empty()) fmt::print("  {}: [{}]\n", kActionNames[i], fmt::join(names, ", "));
    any = any || !names.empty();
  }
  if (!any) fmt::print("  may do nothing\n");
  if (who.expires_ms != 0) fmt::print("  until: {} s since 1970\n", who.expires_ms / 1000);
}

int check(const std::string& path, const std::string& token) {
  log_configure({.format = LogFormat::kText});
  AccessSource source;
  auto access = source.read(path);
  if (!access) {
    complain(access.error().message);
    return kExitFailed;
  }
  const auto& jwt = (*access)->policy.jwt;
  auto known = std::make_shared<Access>(**access);
  if (jwt && jwt->remote()) {
    KeySetFetch provider;
    auto keys = provider.fetch(*jwt);
    if (!keys) {
      complain(keys.error().message);
      return kExitFailed;
    }
    const auto usable = KeySet::read(*keys, *jwt);
    if (!usable) {
      complain(usable.error().message);
      return kExitFailed;
    }
    known->key_set = std::move(*keys);
  }
  if (token.empty()) {
    fmt::print("The access file is valid: {} keys{}.\n", known->policy.keys.size(),
               jwt ? ", tokens" : "");
    return 0;
  }
  Authenticator authenticator;
  authenticator.configure({}, known);
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const auto who = authenticator.identify(
      token, std::chrono::duration_cast<std::chrono::milliseconds>(now).count(), true);
  if (!who) {
    complain(who.error().message);
    return kExitFailed;
  }
  print_grants(**who);
  return 0;
}

}  // namespace

void add_access_command(CLI::App& app, int& exit_code) {
  CLI::App* const access = app.add_subcommand("access", "API keys, and what a credential may do.");
  access->require_subcommand(1);
  access->footer("`ringcast access key --help` and `ringcast access check --help` have examples.");
  CLI::App* const key = access->add_subcommand("key", "Makes an API key.");
  auto name = std::make_shared<std::string>();
  key->add_option("NAME", *name, "whose it is")->required();
  key->footer(kKeyExamples);
  key->callback([&exit_code, name] { exit_code = make_key(*name); });
  CLI::App* const checks = access->add_subcommand("check", "Checks an access file.");
  auto path = std::make_shared<std::string>();
  auto token = std::make_shared<std::string>();
  checks->add_option("FILE", *path, "the access file")->required();
  checks->add_option("--token", *token, "a token or an API key")
      ->check([](const std::string& text) { return text.empty() ? "it is empty" : ""; });
  checks->footer(kCheckExamples);
  checks->callback([&exit_code, path, token] { exit_code = check(*path, *token); });
}

}  // namespace ringcast

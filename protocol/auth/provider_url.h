// The address of a provider, as the access file names it.
#pragma once

#include <string>
#include <string_view>

namespace ringcast {

bool is_provider_url(std::string_view url);
// Whether its host is this machine, so that nobody is between the two.
bool is_on_loopback(std::string_view url);
// For people: without a user, a password, a query.
std::string shown_url(std::string_view url);

}  // namespace ringcast

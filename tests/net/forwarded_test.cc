// Clients as addresses, ranges of them, and what proxies say of them.
#include "net/forwarded.h"

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <string>

namespace ringcast {
namespace {

ClientAddress address(std::string_view text) {
  if (text == "unix:") return {};
  const auto parsed = ClientAddress::parse(text);
  EXPECT_TRUE(parsed) << text;
  return parsed.value_or(ClientAddress{});
}

std::string text_of(const ClientAddress& client) {
  ClientAddress::TextBuffer buffer;
  return std::string(client.text(buffer));
}

TEST(ClientAddressTest, Texts) {
  for (const char* text : {"0.0.0.0", "127.0.0.1", "192.0.2.43", "255.255.255.255", "::1",
                           "2001:db8::7", "fe80::1", "unix:"}) {
    EXPECT_EQ(text_of(address(text)), text);
  }
  EXPECT_EQ(text_of(address("::ffff:192.0.2.43")), "192.0.2.43");
  EXPECT_EQ(address("::ffff:192.0.2.43"), address("192.0.2.43"));
  EXPECT_EQ(text_of(address("2001:DB8:0:0::7")), "2001:db8::7");
  for (const char* bad : {"", "1", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", " 1.2.3.4",
                          "1.2.3.4 ", "1.2.3.4:5", "[::1]", "::", "::g", "fe80::1%lo", "unix:",
                          "1111111111111111111111111111111111111111111111111111111111111.2"}) {
    EXPECT_FALSE(ClientAddress::parse(bad)) << bad;
  }
  EXPECT_FALSE(ClientAddress::parse(std::string_view("1.2.3.4\0x", 9)));
}

TEST(ClientAddressTest, WhatIsHere) {
  for (const char* text : {"127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1", "unix:"}) {
    ClientAddress client = address(text);
    EXPECT_TRUE(client.loopback()) << text;
    client.elsewhere = true;
    EXPECT_FALSE(client.loopback()) << text;
  }
  for (const char* text : {"126.0.0.1", "128.0.0.1", "10.0.0.1", "::2", "2001:db8::1"}) {
    EXPECT_FALSE(address(text).loopback()) << text;
  }
}

TEST(ClientAddressTest, Prefixes) {
  EXPECT_EQ(text_of(address("2001:db8:1:2:3:4:5:6").prefix64()), "2001:db8:1:2::");
  EXPECT_EQ(address("2001:db8:1:2::1").prefix64(), address("2001:db8:1:2:3:4:5:6").prefix64());
  EXPECT_FALSE(address("2001:db8:1:3::1").prefix64() == address("2001:db8:1:2::1").prefix64());
  EXPECT_EQ(address("192.0.2.43").prefix64(), address("192.0.2.43"));
  EXPECT_EQ(address("::1").prefix64(), address("::1"));
  EXPECT_TRUE(address("unix:").prefix64().unix_socket());
}

TEST(AddressRangeTest, Contains) {
  struct Case {
    const char* range;
    const char* client;
    bool inside;
  };
  const Case cases[] = {
      {"10.0.0.0/8", "10.255.1.2", true},
      {"10.0.0.0/8", "11.0.0.0", false},
      {"10.1.2.3", "10.1.2.3", true},
      {"10.1.2.3", "10.1.2.2", false},
      {"10.1.2.2/31", "10.1.2.3", true},
      {"10.1.2.2/31", "10.1.2.4", false},
      {"0.0.0.0/0", "192.0.2.1", true},
      {"0.0.0.0/0", "2001:db8::1", false},
      {"::/0", "2001:db8::1", true},
      {"::/0", "192.0.2.1", false},
      {"fd00::/8", "fdff::1", true},
      {"fd00::/8", "fc00::1", false},
      {"2001:db8::/33", "2001:db8:7fff::1", true},
      {"2001:db8::/33", "2001:db8:8000::1", false},
      {"::1", "::1", true},
      {"::1", "unix:", false},
      {"::/0", "unix:", false},
      {"::ffff:10.0.0.0/104", "10.2.3.4", true},
  };
  for (const Case& each : cases) {
    const auto range = AddressRange::parse(each.range);
    ASSERT_TRUE(range) << each.range;
    EXPECT_EQ(range->contains(address(each.client)), each.inside)
        << each.range << " " << each.client;
  }
  for (const char* bad : {"", "/", "10.0.0.0/", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/08",
                          "10.0.0.0/-1", "fd00::/129", "fd00::1/8", "10.0.0.0/8/8", "localhost",
                          "10.0.0.0 /8", "::1/0", "0.0.0.1/0"}) {
    EXPECT_FALSE(AddressRange::parse(bad)) << bad;
  }
}

// A request with these fields, as whoever asks reads it.
class Request {
 public:
  explicit Request(const std::string& fields)
      : text_("GET / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n") {
    EXPECT_FALSE(parse_head(text_, head)) << fields;
  }
  RequestHead head;

 private:
  std::string text_;
};

Forwarding trusting(ForwardedHeader header) {
  Forwarding forwarding;
  forwarding.header = header;
  for (const char* range : {"10.0.0.0/8", "fd00::/8"}) {
    forwarding.trusted.push_back(*AddressRange::parse(range));
  }
  return forwarding;
}

struct Case {
  const char* peer;
  std::string fields;
  const char* client;
  bool here = false;
  bool unreadable = false;
};

void check(ForwardedHeader header, const Case& each) {
  const Request request(each.fields);
  const Forwarding forwarding = trusting(header);
  const ClientAddress peer = address(each.peer);
  ASSERT_TRUE(forwarding.trusts(peer));
  const ForwardedRequest told = forwarded_client(request.head, peer, forwarding);
  EXPECT_EQ(text_of(told.client), each.client) << each.peer << "\n" << each.fields;
  EXPECT_EQ(told.client.loopback(), each.here) << each.peer << "\n" << each.fields;
  EXPECT_EQ(told.unreadable, each.unreadable) << each.peer << "\n" << each.fields;
}

TEST(ForwardedTest, XForwardedFor) {
  const std::string name = "X-Forwarded-For: ";
  const Case cases[] = {
      {"127.0.0.1", "", "127.0.0.1", true},
      {"unix:", "", "unix:", true},
      {"10.0.0.1", "", "10.0.0.1"},
      {"127.0.0.1", name + "192.0.2.43\r\n", "192.0.2.43"},
      {"unix:", name + "192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", "x-forwarded-for:192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "192.0.2.43:5678\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "2001:db8::7\r\n", "2001:db8::7"},
      {"127.0.0.1", name + "[2001:db8::7]:56\r\n", "2001:db8::7"},
      {"127.0.0.1", name + "[2001:db8::7]\r\n", "2001:db8::7"},
      // What stands left of the first stranger, the stranger may have written.
      {"127.0.0.1", name + "127.0.0.1, 192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "nonsense, , 192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "127.0.0.1\r\n" + name + "192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "198.51.100.1,192.0.2.43 ,\t10.0.0.7,10.0.0.8\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "192.0.2.43\r\n" + name + "10.0.0.7\r\n", "192.0.2.43"},
      // All are proxies: the farthest of them asks.
      {"127.0.0.1", name + "10.0.0.7, 10.0.0.8\r\n", "10.0.0.7"},
      {"127.0.0.1", name + "127.0.0.1\r\n", "127.0.0.1", true},
      {"127.0.0.1", name + "\r\n", "127.0.0.1", true},
      // The loopback of another machine.
      {"10.0.0.1", name + "127.0.0.1\r\n", "127.0.0.1", false},
      {"127.0.0.1", name + "127.0.0.1, 10.0.0.1\r\n", "127.0.0.1", false},
      // What a trusted proxy wrote, and cannot be used.
      {"127.0.0.1", name + "unknown\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "192.0.2.43, nobody\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "nobody, 10.0.0.7\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "192.0.2.43:port\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "[192.0.2.43]\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "[2001:db8::7]x\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "[2001:db8::7\r\n", "127.0.0.1", false, true},
      // The other header, which the client may have sent.
      {"127.0.0.1", "Forwarded: for=127.0.0.1\r\n" + name + "192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", "Forwarded: for=192.0.2.43\r\n", "127.0.0.1", false, true},
  };
  for (const Case& each : cases) check(ForwardedHeader::x_forwarded_for, each);
}

TEST(ForwardedTest, Forwarded) {
  const std::string name = "Forwarded: ";
  const Case cases[] = {
      {"127.0.0.1", "", "127.0.0.1", true},
      {"127.0.0.1", name + "for=192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "FOR=\"192.0.2.43:5678\";Proto=https\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "proto=http; for=\"[2001:db8::7]:56\" ;by=10.0.0.1\r\n", "2001:db8::7"},
      {"127.0.0.1", name + "for=127.0.0.1, for=192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "for=127.0.0.1\r\n" + name + "for=192.0.2.43\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "for=192.0.2.43,, for=10.0.0.7\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "for=127.0.0.1\r\n", "127.0.0.1", true},
      {"10.0.0.1", name + "for=127.0.0.1\r\n", "127.0.0.1"},
      {"127.0.0.1", name + "for=192.0.2.43;ext=\"a,b;c\"\r\n", "192.0.2.43"},
      {"127.0.0.1", name + "for=unknown\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "for=_hidden\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "proto=https\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "for=192.0.2.43;for=192.0.2.44\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "for =192.0.2.43\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "for=2001:db8::7\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "for=\"192.0.2.43\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "for=\"\\1\"\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "for=\"x, for=192.0.2.43\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", name + "for=192.0.2.43 for=192.0.2.44\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", "X-Forwarded-For: 127.0.0.1\r\n", "127.0.0.1", false, true},
      {"127.0.0.1", "X-Forwarded-For: 127.0.0.1\r\n" + name + "for=192.0.2.43\r\n", "192.0.2.43"},
  };
  for (const Case& each : cases) check(ForwardedHeader::forwarded, each);
  std::string many = name + "for=192.0.2.43";
  for (int i = 0; i < 100; ++i) many += ", for=10.0.0." + std::to_string(i);
  check(ForwardedHeader::forwarded, {"127.0.0.1", many + "\r\n", "10.0.0.84"});
}

TEST(ForwardedTest, Off) {
  check(ForwardedHeader::off, {"127.0.0.1", "", "127.0.0.1", true});
  check(ForwardedHeader::off, {"127.0.0.1", "X-Forwarded-For: 192.0.2.43\r\n", "127.0.0.1"});
  check(ForwardedHeader::off, {"127.0.0.1", "Forwarded: for=192.0.2.43\r\n", "127.0.0.1"});
}

TEST(ForwardedTest, ProtoAndHost) {
  const Request request(
      "Forwarded: for=192.0.2.43;proto=https;host=\"app.example:8443\", "
      "for=10.0.0.1;proto=http\r\n");
  const auto told =
      forwarded_client(request.head, address("127.0.0.1"), trusting(ForwardedHeader::forwarded));
  EXPECT_EQ(told.proto, "https");
  EXPECT_EQ(told.host, "app.example:8443");
  const Request listed(
      "X-Forwarded-Proto: http, https\r\nX-Forwarded-Host: evil\r\n"
      "X-Forwarded-Host: app.example\r\n");
  EXPECT_EQ(forwarded_value(listed.head, "X-Forwarded-Proto"), "https");
  EXPECT_EQ(forwarded_value(listed.head, "X-Forwarded-Host"), "app.example");
  EXPECT_EQ(forwarded_value(listed.head, "X-Forwarded-Port"), "");
  const Request odd("X-Forwarded-Host: a b\r\nX-Forwarded-Proto: \"https\"\r\n");
  EXPECT_EQ(forwarded_value(odd.head, "X-Forwarded-Host"), "");
  EXPECT_EQ(forwarded_value(odd.head, "X-Forwarded-Proto"), "");
}

TEST(ForwardedTest, Trust) {
  const Forwarding forwarding;
  for (const char* peer : {"127.0.0.1", "127.9.9.9", "::1", "unix:"}) {
    EXPECT_TRUE(forwarding.trusts(address(peer))) << peer;
  }
  for (const char* peer : {"10.0.0.1", "2001:db8::1", "0.0.0.0"}) {
    EXPECT_FALSE(forwarding.trusts(address(peer))) << peer;
  }
  ClientAddress other;
  other.elsewhere = true;  // a Unix socket of another machine
  EXPECT_FALSE(forwarding.trusts(other));
}

}  // namespace
}  // namespace ringcast

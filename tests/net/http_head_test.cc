#include "net/http_head.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "net/head_referee.h"

namespace ringcast {
namespace {

using namespace std::string_literals;
using State = HeadScanner::State;

struct Verdict {
  State state = State::needs_more;
  int status = 0;  // 0 when accepted
  std::size_t consumed = 0;
  std::string code;

  bool operator==(const Verdict&) const = default;
};

// Scans `bytes` in two reads, cut at `split`, and parses what was found. The second read is in
// another buffer, as it is when a buffer grows.
Verdict judge(const std::string& bytes, std::size_t split, const HeadLimits& limits = {}) {
  HeadScanner scanner(limits);
  const std::string first = bytes.substr(0, split);
  State state = scanner.scan(first);
  if (state == State::needs_more) state = scanner.scan(bytes);
  if (state == State::needs_more) return {};
  if (state == State::failed) {
    return {state, scanner.error().status, 0, std::string(scanner.error().code)};
  }
  RequestHead head;
  const auto error = parse_head(scanner.head(bytes), head);
  if (!error) return {state, 0, scanner.consumed(), {}};
  return {state, error->status, scanner.consumed(), std::string(error->code)};
}

// The verdict, after making sure that no way to cut the input changes it.
Verdict judge_all(const std::string& bytes, const HeadLimits& limits = {}) {
  const Verdict whole = judge(bytes, bytes.size(), limits);
  for (std::size_t split = 0; split < bytes.size(); ++split) {
    EXPECT_EQ(judge(bytes, split, limits), whole)
        << "cut at " << split << " of " << testing::PrintToString(bytes);
  }
  HeadScanner scanner(limits);
  State state = State::needs_more;
  for (std::size_t n = 1; n <= bytes.size() && state == State::needs_more; ++n) {
    state = scanner.scan(std::string_view(bytes).substr(0, n));
  }
  EXPECT_EQ(state, whole.state) << "byte by byte: " << testing::PrintToString(bytes);
  return whole;
}

// Whatever the scanner says, parse_head() on its own must not accept what was refused.
int parse_only(const std::string& bytes) {
  RequestHead head;
  const auto error = parse_head(bytes, head);
  return error ? error->status : 0;
}

constexpr int kWaits = -1;

struct Case {
  std::string name;
  std::string bytes;
  int status;  // 0 accepted, kWaits for more
};

void check(const std::vector<Case>& cases) {
  for (const Case& c : cases) {
    const Verdict verdict = judge_all(c.bytes);
    const int status = verdict.state == State::needs_more ? kWaits : verdict.status;
    EXPECT_EQ(status, c.status) << c.name << " (" << verdict.code << ")";
  }
}

std::string get(const std::string& headers) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}

std::string post(const std::string& headers) {
  return "POST /x HTTP/1.1\r\nHost: a\r\n" + headers + "\r\n";
}

// The questions that conformance suites for HTTP/1.1 servers ask.
TEST(HttpHead, Conformance) {
  check({
      {"fragmented method", "G", kWaits},
      {"fragmented target 1", "GET ", kWaits},
      {"fragmented target 2", "GET /hello", kWaits},
      {"fragmented target 3", "GET /hello ", kWaits},
      {"fragmented version", "GET /hello HTTP", kWaits},
      {"fragmented request line", "GET /hello HTTP/1.1", kWaits},
      {"fragmented line break 1", "GET /hello HTTP/1.1\r", kWaits},
      {"fragmented line break 2", "GET /hello HTTP/1.1\r\n", kWaits},
      {"fragmented name", "GET /hello HTTP/1.1\r\nHos", kWaits},
      {"fragmented value 1", "GET /hello HTTP/1.1\r\nHost:", kWaits},
      {"fragmented value 2", "GET /hello HTTP/1.1\r\nHost: ", kWaits},
      {"fragmented value 3", "GET /hello HTTP/1.1\r\nHost: localhost", kWaits},
      {"fragmented value 4", "GET /hello HTTP/1.1\r\nHost: localhost\r", kWaits},
      {"fragmented head", "GET /hello HTTP/1.1\r\nHost: localhost\r\n", kWaits},
      {"fragmented end", "GET /hello HTTP/1.1\r\nHost: localhost\r\n\r", kWaits},
      {"no version", "GET / \r\n\r\n", 400},
      {"no version and no blank", "GET /\r\n\r\n", 400},
      {"expect", get("Expect: 100-continue\r\n"), 0},
      {"plain", get(""), 0},
      {"edge cases", "GET / HTTP/1.1\r\nhoSt:\texample.com\r\nempty:\r\n\r\n", 0},
      {"invalid name", get("X-Invalid[]: test\r\n"), 400},
      {"no host", "GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\n", 400},
      {"two hosts", get("Host: b\r\n"), 400},
      {"negative overflow", get("Content-Length: -123456789123456789123456789\r\n"), 400},
      {"negative length", get("Content-Length: -1234\r\n"), 400},
      {"non-numeric length", get("Content-Length: abc\r\n"), 400},
      {"empty value", get("X-Empty-Header: \r\n"), 0},
      {"control character", get("X-Bad: test\x07\r\n"), 400},
      {"version 9.9", "GET / HTTP/9.9\r\nHost: a\r\n\r\n", 505},
      {"prefix", "Extra lineGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"line ending", "GET / HTTP/1.1\r\nHost: a\r\n\rSome-Header: Test\r\n\r\n", 400},
      {"body", post("Content-Length: 5\r\n") + "hello", 0},
      {"coding and length", get("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400},
  });
}

TEST(HttpHead, RequestLine) {
  const std::string tail = "\r\nHost: a\r\n\r\n";
  check({
      {"TLS ClientHello", "\x16\x03\x01\x02", 400},
      {"binary", "\xff", 400},
      {"null", "\0"s, 400},
      {"blank first", " GET / HTTP/1.1" + tail, 400},
      {"one LF first", "\nGET / HTTP/1.1" + tail, 400},
      {"one CR first", "\rGET / HTTP/1.1" + tail, 400},
      {"empty lines first", "\r\n\r\nGET / HTTP/1.1" + tail, 0},
      {"too many empty lines", "\r\n\r\n\r\n\r\n\r\n", 400},
      {"only empty lines", "\r\n\r\n", kWaits},
      {"lower case is another method", "get / HTTP/1.1" + tail, 0},
      {"any token", "M-SEARCH~!#$%&'*+.^_`| / HTTP/1.1" + tail, 0},
      {"method with slash", "GE/T / HTTP/1.1" + tail, 400},
      {"method with tab", "GET\t/ HTTP/1.1" + tail, 400},
      {"long method", std::string(65, 'M') + " / HTTP/1.1" + tail, 501},
      {"long method, allowed", std::string(64, 'M') + " / HTTP/1.1" + tail, 0},
      {"two blanks before target", "GET  / HTTP/1.1" + tail, 400},
      {"two blanks after target", "GET /  HTTP/1.1" + tail, 400},
      {"tab after target", "GET /\tHTTP/1.1" + tail, 400},
      {"blank in target", "GET /a b HTTP/1.1" + tail, 400},
      {"blank at the end", "GET / HTTP/1.1 " + tail, 400},
      {"control in target", "GET /\x01 HTTP/1.1" + tail, 400},
      {"DEL in target", "GET /\x7f HTTP/1.1" + tail, 400},
      {"null in target", "GET /\0 HTTP/1.1"s + tail, 400},
      {"raw UTF-8 in target", "GET /\xc3\xa4 HTTP/1.1" + tail, 400},
      {"fragment in target", "GET /#a HTTP/1.1" + tail, 400},
      {"no leading slash", "GET a HTTP/1.1" + tail, 400},
      {"query without path", "GET ?a HTTP/1.1" + tail, 400},
      {"star", "GET * HTTP/1.1" + tail, 400},
      {"star with OPTIONS", "OPTIONS * HTTP/1.1" + tail, 0},
      {"authority", "GET a:80 HTTP/1.1" + tail, 400},
      {"authority with CONNECT", "CONNECT a:80 HTTP/1.1" + tail, 0},
      {"CONNECT without port", "CONNECT a HTTP/1.1" + tail, 400},
      {"CONNECT with empty port", "CONNECT a: HTTP/1.1" + tail, 400},
      {"CONNECT with path", "CONNECT / HTTP/1.1" + tail, 400},
      {"CONNECT with user", "CONNECT u@a:80 HTTP/1.1" + tail, 400},
      {"absolute", "GET http://b/x HTTP/1.1" + tail, 0},
      {"absolute, https", "GET HTTPS://b HTTP/1.1" + tail, 0},
      {"absolute, other scheme", "GET ftp://b/ HTTP/1.1" + tail, 400},
      {"absolute, no host", "GET http:///x HTTP/1.1" + tail, 400},
      {"absolute, user", "GET http://u@b/ HTTP/1.1" + tail, 400},
      {"absolute, bad port", "GET http://b:99999/ HTTP/1.1" + tail, 400},
      {"absolute without Host field", "GET http://b/ HTTP/1.1\r\n\r\n", 400},
      {"version lower case", "GET / http/1.1" + tail, 400},
      {"version 0.9", "GET / HTTP/0.9" + tail, 505},
      {"version 1.2", "GET / HTTP/1.2" + tail, 505},
      {"version 2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
      {"version 1", "GET / HTTP/1" + tail, 400},
      {"version 1.", "GET / HTTP/1." + tail, 400},
      {"version 1.10", "GET / HTTP/1.10" + tail, 400},
      {"version 01.1", "GET / HTTP/01.1" + tail, 400},
      {"version 1,1", "GET / HTTP/1,1" + tail, 400},
      {"version -1.1", "GET / HTTP/-1.1" + tail, 400},
      {"other protocol", "GET / RTSP/1.0" + tail, 400},
      {"LF after request line", "GET / HTTP/1.1\nHost: a\r\n\r\n", 400},
      {"CR after request line", "GET / HTTP/1.1\rHost: a\r\n\r\n", 400},
      {"CR CR LF", "GET / HTTP/1.1\r\r\nHost: a\r\n\r\n", 400},
  });
}

// What request smuggling and response splitting are made of.
TEST(HttpHead, Smuggling) {
  const std::string te = "Transfer-Encoding: chunked\r\n";
  const std::string cl = "Content-Length: 4\r\n";
  check({
      {"CL.TE", post(cl + te), 400},
      {"TE.CL", post(te + cl), 400},
      {"CL 0 and TE", post("Content-Length: 0\r\n" + te), 400},
      {"CL and unknown TE", post(cl + "Transfer-Encoding: gzip\r\n"), 400},
      {"TE on 1.0", "POST / HTTP/1.0\r\nHost: a\r\n" + te + "\r\n", 400},
      {"plain TE", post(te), 0},
      {"TE in capitals", post("TRANSFER-ENCODING: CHUNKED\r\n"), 0},
      {"TE blank at the end", post("Transfer-Encoding: chunked \r\n"), 0},
      {"TE tab before", post("Transfer-Encoding:\tchunked\r\n"), 0},
      {"TE tab at the end", post("Transfer-Encoding: chunked\t\r\n"), 400},
      {"TE vertical tab",
       post("Transfer-Encoding: \x0b"
            "chunked\r\n"),
       400},
      {"TE form feed", post("Transfer-Encoding: chunked\x0c\r\n"), 400},
      {"TE null", post("Transfer-Encoding: chunked\0\r\n"s), 400},
      {"TE twice in a list", post("Transfer-Encoding: chunked, chunked\r\n"), 400},
      {"TE twice", post(te + te), 400},
      {"TE twice, one unknown", post(te + "Transfer-Encoding: x\r\n"), 400},
      {"TE twice, first unknown", post("Transfer-Encoding: x\r\n" + te), 400},
      {"TE empty", post("Transfer-Encoding:\r\n"), 400},
      {"TE comma", post("Transfer-Encoding: chunked,\r\n"), 400},
      {"TE comma first", post("Transfer-Encoding: ,chunked\r\n"), 400},
      {"TE parameter", post("Transfer-Encoding: chunked;q=1\r\n"), 400},
      {"TE quoted", post("Transfer-Encoding: \"chunked\"\r\n"), 400},
      {"TE identity", post("Transfer-Encoding: identity\r\n"), 501},
      {"TE identity, chunked", post("Transfer-Encoding: identity, chunked\r\n"), 501},
      {"TE chunked, identity", post("Transfer-Encoding: chunked, identity\r\n"), 501},
      {"TE gzip", post("Transfer-Encoding: gzip\r\n"), 501},
      {"TE gzip, chunked", post("Transfer-Encoding: gzip, chunked\r\n"), 501},
      {"TE xchunked", post("Transfer-Encoding: xchunked\r\n"), 501},
      {"TE chunkedx", post("Transfer-Encoding: chunkedx\r\n"), 501},
      {"TE two words", post("Transfer-Encoding: x chunked\r\n"), 400},
      {"TE folded", post("Transfer-Encoding:\r\n chunked\r\n"), 400},
      {"TE folded later", post("X: y\r\n Transfer-Encoding: chunked\r\n"), 400},
      {"TE blank before colon", post("Transfer-Encoding : chunked\r\n"), 400},
      {"TE tab before colon", post("Transfer-Encoding\t: chunked\r\n"), 400},
      {"TE behind bare LF", post("X: y\nTransfer-Encoding: chunked\r\n"), 400},
      {"TE behind bare CR", post("X: y\rTransfer-Encoding: chunked\r\n"), 400},
      {"TE name with null", post("Transfer-Encoding\0: chunked\r\n"s), 400},
      {"TE with underscore is another name", post("Transfer_Encoding: chunked\r\n" + cl), 0},
      {"CL twice, differing", post(cl + "Content-Length: 5\r\n"), 400},
      {"CL twice, equal", post(cl + cl), 400},
      {"CL list", post("Content-Length: 4, 4\r\n"), 400},
      {"CL list, differing", post("Content-Length: 4,5\r\n"), 400},
      {"CL empty", post("Content-Length:\r\n"), 400},
      {"CL blank", post("Content-Length:  \r\n"), 400},
      {"CL plus", post("Content-Length: +4\r\n"), 400},
      {"CL minus zero", post("Content-Length: -0\r\n"), 400},
      {"CL hexadecimal", post("Content-Length: 0x4\r\n"), 400},
      {"CL decimal point", post("Content-Length: 4.0\r\n"), 400},
      {"CL exponent", post("Content-Length: 1e1\r\n"), 400},
      {"CL inner blank", post("Content-Length: 4 4\r\n"), 400},
      {"CL underscore", post("Content-Length: 1_0\r\n"), 400},
      {"CL unicode digit", post("Content-Length: \xd9\xa4\r\n"), 400},
      {"CL quoted", post("Content-Length: \"4\"\r\n"), 400},
      {"CL 2^64", post("Content-Length: 18446744073709551616\r\n"), 400},
      {"CL 2^63", post("Content-Length: 9223372036854775808\r\n"), 400},
      {"CL 2^63 - 1", post("Content-Length: 9223372036854775807\r\n"), 0},
      {"CL leading zeros", post("Content-Length: 00000000000000000000000004\r\n"), 0},
      {"CL blank before colon", post("Content-Length : 4\r\n"), 400},
      {"CL blank at the end", post("Content-Length: 4 \r\n"), 0},
      {"fold in first header", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"tab fold", get("X: y\r\n\tz\r\n"), 400},
      {"fold after empty value", get("X:\r\n y\r\n"), 400},
      {"fold of nothing", get("X: y\r\n \r\n"), 400},
      {"name empty", get(": y\r\n"), 400},
      {"no colon", get("X\r\n"), 400},
      {"name with blank", get("X Y: z\r\n"), 400},
      {"name with UTF-8", get("\xc3\xa4: z\r\n"), 400},
      {"name with at sign", get("a@b: z\r\n"), 400},
      {"name with slash", get("a/b: z\r\n"), 400},
      {"value with UTF-8", get("X: \xc3\xa4\r\n"), 0},
      {"value with tab", get("X: a\tb\r\n"), 0},
      {"value with DEL", get("X: a\x7f\r\n"), 400},
      {"value with escape", get("X: \x1b[0m\r\n"), 400},
      {"value with null", get("X: \0\r\n"s), 400},
      {"value with CR at its end", get("X: a\r\r\n"), 400},
      {"LF LF at the end", "GET / HTTP/1.1\r\nHost: a\n\n", 400},
      {"CR LF LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n", 400},
      {"second request", get("") + get(""), 0},
  });
}

// Values are looked at eight bytes at a time: each byte must count at each place.
TEST(HttpHead, EveryByteAtEveryPlaceOfAValue) {
  for (std::size_t place = 0; place < 20; ++place) {
    for (int c = 0; c < 256; ++c) {
      std::string value(20, 'x');
      value[place] = static_cast<char>(c);
      const bool good = c == '\t' || (c >= 0x20 && c != 0x7f);
      ASSERT_EQ(judge(get("X: " + value + "\r\n"), 0).status, good ? 0 : 400) << place << ' ' << c;
      ASSERT_EQ(parse_only(get("X:" + value + "\r\n")), good ? 0 : 400) << place << ' ' << c;
    }
  }
}

TEST(HttpHead, Host) {
  const auto with = [](const std::string& host) {
    return "GET / HTTP/1.1\r\nHost:" + host + "\r\n\r\n";
  };
  for (const char* good : {"", " ", " a", " a.b-c_d~e", " A:8080", " a:", " 127.0.0.1:80", " [::1]",
                           " [::1]:80", " [::ffff:1.2.3.4]", " a%20b", " x!$&'()*+;="}) {
    EXPECT_EQ(judge_all(with(good)).status, 0) << good;
  }
  for (const char* bad :
       {" a b",  " a/b",     " a?b",      " a#b",   " u@a",  " a,b",  " a:x",      " a:80:80",
        " a:-1", " a:65536", " a:000080", " :80",   " [::1", " []",   " [g::]",    " [::1]x",
        " ::1",  " a%2",     " a%zz",     " \"a\"", " <a>",  " a\\b", " \xc3\xa4", " http://a"}) {
    EXPECT_EQ(judge_all(with(bad)).status, 400) << bad;
  }
  EXPECT_EQ(judge_all("GET / HTTP/1.0\r\n\r\n").status, 0) << "optional in HTTP/1.0";
  EXPECT_EQ(judge_all("GET / HTTP/1.0\r\nHost: a\r\nhost: a\r\n\r\n").status, 400);
  EXPECT_EQ(judge_all("GET / HTTP/1.1\r\nHost : a\r\n\r\n").status, 400);
}

TEST(HttpHead, Expect) {
  EXPECT_EQ(judge_all(post("Expect: 100-Continue\r\n")).status, 0);
  for (const char* bad : {"Expect:\r\n", "Expect: 200-ok\r\n", "Expect: 100-continue, x\r\n",
                          "Expect: 100-continue\r\nExpect: x\r\n"}) {
    EXPECT_EQ(judge_all(post(bad)).status, 417) << bad;
  }
}

// A head together with the bytes that its views point into.
struct Parsed : RequestHead {
  std::shared_ptr<const std::string> bytes;
};

Parsed parsed(const std::string& bytes) {
  Parsed head;
  head.bytes = std::make_shared<const std::string>(bytes);
  const auto error = parse_head(*head.bytes, head);
  EXPECT_FALSE(error.has_value()) << error->code << ": " << bytes;
  return head;
}

TEST(HttpHead, Fields) {
  const std::string text =
      "GET /a/b%20c?x=1&y=?2 HTTP/1.1\r\nHost: example.com:80\r\nAccept:text/html\r\nX-Empty:\r\n"
      "x-two: 1\r\nX-Two:  2\t \r\nLast: \t  \r\n\r\n";
  const Parsed head = parsed(text);
  EXPECT_EQ(head.method, Method::get);
  EXPECT_EQ(head.method_text, "GET");
  EXPECT_EQ(head.target, "/a/b%20c?x=1&y=?2");
  EXPECT_EQ(head.path, "/a/b%20c");
  EXPECT_EQ(head.query, "x=1&y=?2");
  EXPECT_EQ(head.host, "example.com:80");
  EXPECT_EQ(head.version_minor, 1);
  ASSERT_EQ(head.field_count(), 6U);
  EXPECT_EQ(head.field(3).name, "x-two");
  EXPECT_EQ(head.field(4).value, "2");
  EXPECT_EQ(head.find("ACCEPT"), "text/html");
  EXPECT_EQ(head.find("x-empty"), "");
  EXPECT_EQ(head.find("last"), "");
  EXPECT_EQ(head.find("x-two"), "1");
  EXPECT_EQ(head.find("accep"), std::nullopt);
  EXPECT_EQ(head.count("X-TWO"), 2U);
  EXPECT_EQ(head.count("none"), 0U);
  EXPECT_FALSE(head.has_body());
  EXPECT_TRUE(head.keep_alive);
  EXPECT_LE(sizeof(RequestHead), 1024U);
}

TEST(HttpHead, Targets) {
  EXPECT_EQ(parsed("GET http://b.c:8/x?y=z HTTP/1.1\r\nHost: a\r\n\r\n").host, "b.c:8");
  EXPECT_EQ(parsed("GET http://b.c:8/x?y=z HTTP/1.1\r\nHost: a\r\n\r\n").path, "/x");
  EXPECT_EQ(parsed("GET http://b.c:8/x?y=z HTTP/1.1\r\nHost: a\r\n\r\n").query, "y=z");
  EXPECT_EQ(parsed("GET http://b HTTP/1.1\r\nHost: a\r\n\r\n").path, "/");
  EXPECT_EQ(parsed("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n").path, "/");
  EXPECT_EQ(parsed("GET http://b?q HTTP/1.1\r\nHost: a\r\n\r\n").query, "q");
  EXPECT_EQ(parsed("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").path, "*");
  EXPECT_EQ(parsed("CONNECT b:80 HTTP/1.1\r\nHost: a\r\n\r\n").host, "b:80");
  EXPECT_EQ(parsed("CONNECT b:80 HTTP/1.1\r\nHost: a\r\n\r\n").path, "");
  EXPECT_EQ(parsed("GET //b/c HTTP/1.1\r\nHost: a\r\n\r\n").path, "//b/c");
}

TEST(HttpHead, Methods) {
  const auto method = [](const std::string& text) {
    return parsed(text + " / HTTP/1.1\r\nHost: a\r\n\r\n").method;
  };
  EXPECT_EQ(method("HEAD"), Method::head);
  EXPECT_EQ(method("POST"), Method::post);
  EXPECT_EQ(method("PUT"), Method::put);
  EXPECT_EQ(method("DELETE"), Method::del);
  EXPECT_EQ(method("OPTIONS"), Method::options);
  EXPECT_EQ(method("TRACE"), Method::trace);
  EXPECT_EQ(method("PATCH"), Method::patch);
  EXPECT_EQ(method("get"), Method::other);
  EXPECT_EQ(method("BREW"), Method::other);
  EXPECT_EQ(parsed("BREW /pot HTTP/1.1\r\nHost: a\r\n\r\n").method_text, "BREW");
}

TEST(HttpHead, Connection) {
  const auto head = [](const std::string& version, const std::string& fields) {
    return parsed("GET / HTTP/" + version + "\r\nHost: a\r\n" + fields + "\r\n");
  };
  EXPECT_TRUE(head("1.1", "").keep_alive);
  EXPECT_FALSE(head("1.0", "").keep_alive);
  EXPECT_FALSE(head("1.1", "Connection: Close\r\n").keep_alive);
  EXPECT_FALSE(head("1.1", "Connection: x,\tclose ,y\r\n").keep_alive);
  EXPECT_FALSE(head("1.1", "Connection: keep-alive\r\nConnection: close\r\n").keep_alive);
  EXPECT_TRUE(head("1.1", "Connection: closed\r\n").keep_alive);
  EXPECT_TRUE(head("1.0", "Connection: Keep-Alive\r\n").keep_alive);
  EXPECT_FALSE(head("1.0", "Connection: keep-alive, close\r\n").keep_alive);
  const std::string upgrade = "Connection: keep-alive, Upgrade\r\nUpgrade: h2c, WebSocket\r\n";
  EXPECT_TRUE(head("1.1", upgrade).wants_upgrade("websocket"));
  EXPECT_TRUE(head("1.1", upgrade).wants_upgrade("h2c"));
  EXPECT_FALSE(head("1.1", upgrade).wants_upgrade("socket"));
  EXPECT_FALSE(head("1.0", upgrade).wants_upgrade("websocket"));
  EXPECT_FALSE(head("1.1", "Upgrade: websocket\r\n").wants_upgrade("websocket"));
  EXPECT_FALSE(head("1.1", "Connection: upgrade\r\n").wants_upgrade("websocket"));
  EXPECT_TRUE(head("1.1", "Accept: a, b\r\nAccept: c\r\n").has_token("accept", "C"));
}

TEST(HttpHead, Bodies) {
  EXPECT_EQ(parsed(post("Content-Length: 0042\r\n")).content_length, 42U);
  EXPECT_TRUE(parsed(post("Content-Length: 42\r\n")).has_body());
  EXPECT_FALSE(parsed(post("Content-Length: 0\r\n")).has_body());
  EXPECT_EQ(parsed(post("")).content_length, std::nullopt);
  EXPECT_TRUE(parsed(post("Transfer-Encoding: Chunked\r\n")).chunked);
  EXPECT_TRUE(parsed(post("Expect: 100-continue\r\n")).expect_continue);
  EXPECT_FALSE(parsed("POST / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n").expect_continue);
}

// llhttp has to agree with every head that is plainly good: names that begin like the ones that it
// treats specially, and values that only look like framing.
TEST(HttpHead, TheSecondReadingRefusesNothingGood) {
  for (std::string name :
       {"Connection", "Content-Length", "Transfer-Encoding", "Upgrade", "Proxy-Connection"}) {
    for (std::size_t n = 1; n < name.size(); ++n) {
      EXPECT_EQ(judge(get(name.substr(0, n) + ": 1\r\n"), 0).status, 0) << name << n;
      EXPECT_EQ(judge(get(name.substr(0, n) + "-x: 1\r\n"), 0).status, 0) << name << n;
    }
    EXPECT_EQ(judge(get(name + "s: chunked, x\r\n"), 0).status, 0) << name;
    EXPECT_EQ(judge(get("X-" + name + ": 1, 2\r\n"), 0).status, 0) << name;
  }
  for (const char* value :
       {"", "close", "keep-alive", "upgrade", "close, close", "closer", "a, b",
        "keep-alive , upgrade", "Upgrade,\tclose", "TE,", ",", "x\ty", "\xc3\xa4"}) {
    EXPECT_EQ(judge(get("Connection: "s + value + "\r\nUpgrade: x\r\n"), 0).status, 0) << value;
    EXPECT_EQ(judge(get("Proxy-Connection: "s + value + "\r\n"), 0).status, 0) << value;
    EXPECT_EQ(judge(post("Upgrade: "s + value + "\r\nContent-Length: 3\r\n"), 0).status, 0)
        << value;
  }
  std::string every = "X: ";
  for (int c = 0x20; c < 0x100; ++c) {
    if (c != 0x7f) every += static_cast<char>(c);
  }
  EXPECT_EQ(judge(get(every + "\r\n"), 0).status, 0);
}

TEST(HttpHead, TheSecondReadingNoticesEveryDifference) {
  const auto agrees = [](const Parsed& head, auto change) {
    Parsed changed = head;
    change(changed);
    return llhttp_agrees(std::string_view(*head.bytes).substr(head.bytes->find('\n') + 1), changed);
  };
  const Parsed head = parsed(post("Content-Length: 5\r\nX:  y \r\nEmpty:\r\n"));
  EXPECT_TRUE(agrees(head, [](RequestHead&) {}));
  EXPECT_FALSE(agrees(head, [](RequestHead& h) { h.content_length = 6; }));
  EXPECT_FALSE(agrees(head, [](RequestHead& h) { h.content_length.reset(); }));
  EXPECT_FALSE(agrees(head, [](RequestHead& h) { h.chunked = true; }));
  const Parsed chunked = parsed(post("Transfer-Encoding: chunked\r\n"));
  EXPECT_TRUE(agrees(chunked, [](RequestHead&) {}));
  EXPECT_FALSE(agrees(chunked, [](RequestHead& h) { h.chunked = false; }));
  // The fields of another head, and heads that llhttp refuses or finds incomplete.
  const std::string_view fields = "Host: a\r\nContent-Length: 5\r\nX:  y \r\nEmpty:\r\n\r\n";
  EXPECT_FALSE(llhttp_agrees(fields, head)) << "equal, but at another place";
  const std::string_view own = std::string_view(*head.bytes).substr(head.bytes->find('\n') + 1);
  for (std::size_t n = 0; n < own.size(); ++n) {
    EXPECT_FALSE(llhttp_agrees(own.substr(0, n), head)) << n;
  }
}

TEST(HttpHead, AnEarlierHeadLeavesNoTrace) {
  RequestHead head;
  ASSERT_FALSE(
      parse_head("POST http://b/p?q HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n"
                 "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n",
                 head));
  ASSERT_FALSE(parse_head("CONNECT c:1 HTTP/1.1\r\nHost: c\r\nContent-Length: 3\r\n\r\n", head));
  ASSERT_FALSE(parse_head("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", head));
  EXPECT_EQ(head.query, "");
  EXPECT_EQ(head.host, "");
  EXPECT_EQ(head.content_length, std::nullopt);
  EXPECT_FALSE(head.chunked);
  EXPECT_FALSE(head.expect_continue);
  EXPECT_TRUE(head.keep_alive);
  EXPECT_EQ(head.field_count(), 1U);
}

// parse_head() does not rely on the scanner.
TEST(HttpHead, ParserAlone) {
  for (const std::string& bad : {""s,
                                 "\r\n"s,
                                 "\r\n\r\n"s,
                                 "GET / HTTP/1.1"s,
                                 "GET / HTTP/1.1\r\n"s,
                                 "GET / HTTP/1.1\r\nHost: a\r\n"s,
                                 "GET / HTTP/1.1\r\nHost: a\r\n\r"s,
                                 "GET / HTTP/1.1\r\nHost: a\r\n\r\nx"s,
                                 "GET / HTTP/1.1\r\nHost: a\r\n\r\n\r\n"s,
                                 "\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"s,
                                 "GET / HTTP/1.1\nHost: a\n\n"s,
                                 "GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n"s,
                                 "GET / HTTP/1.1\r\nHost: a\rX: y\r\n\r\n"s,
                                 "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n"s,
                                 "GET / HTTP/1.1\r\nHost: a\r\n X: y\r\n\r\n"s,
                                 " / HTTP/1.1\r\nHost: a\r\n\r\n"s,
                                 "GET  HTTP/1.1\r\nHost: a\r\n\r\n"s,
                                 "G\nT / HTTP/1.1\r\nHost: a\r\n\r\n"s,
                                 "GET /\r HTTP/1.1\r\nHost: a\r\n\r\n"s,
                                 "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"s}) {
    EXPECT_EQ(parse_only(bad), 400) << testing::PrintToString(bad);
  }
  EXPECT_EQ(parse_only("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
  EXPECT_EQ(parse_only("GET / HTTP/3.1\r\nHost: a\r\n\r\n"), 505);
  EXPECT_EQ(parse_only("GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(65536, 'x') + "\r\n\r\n"),
            431);
}

TEST(HttpHead, Limits) {
  const HeadLimits limits{.max_request_line = 20, .max_head_bytes = 60, .max_headers = 3};
  const auto status = [&](const std::string& bytes) { return judge_all(bytes, limits).status; };
  // "GET " and " HTTP/1.1" leave seven bytes for the target.
  EXPECT_EQ(status("GET /234567 HTTP/1.1\r\nHost: a\r\n\r\n"), 0);
  EXPECT_EQ(status("GET /2345678 HTTP/1.1\r\nHost: a\r\n\r\n"), 414);
  EXPECT_EQ(status("GET /" + std::string(100, 'x')), 414) << "without waiting for the end";
  const auto sized = [](std::size_t bytes) {
    const std::string head = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return head + std::string(bytes - head.size() - 4, 'x') + "\r\n\r\n";
  };
  EXPECT_EQ(status(sized(60)), 0);
  EXPECT_EQ(status(sized(61)), 431);
  EXPECT_EQ(status("\r\n\r\n" + sized(60)), 0) << "empty lines are no part of the head";
  EXPECT_EQ(status("GET / HTTP/1.1\r\nX: " + std::string(100, 'x')), 431);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nb:\r\nc:\r\n\r\n"), 0);
  EXPECT_EQ(status("GET / HTTP/1.1\r\nHost: a\r\nb:\r\nc:\r\nd:\r\n\r\n"), 431);
  std::string many = "GET / HTTP/1.1\r\nHost: a\r\n";
  for (int i = 0; i < 99; ++i) many += "x:\r\n";
  EXPECT_EQ(judge_all(many + "\r\n").status, 0);
  EXPECT_EQ(judge_all(many + "x:\r\n\r\n").status, 431);
  EXPECT_EQ(parse_only(many + "x:\r\n\r\n"), 431);
}

TEST(HeadScanner, PipelinedHeads) {
  const std::string bytes = "\r\n" + get("") + post("") + "GET";
  HeadScanner scanner;
  EXPECT_TRUE(scanner.idle());
  ASSERT_EQ(scanner.scan(bytes), State::complete);
  EXPECT_FALSE(scanner.idle());
  EXPECT_EQ(scanner.head(bytes), get(""));
  EXPECT_EQ(scanner.consumed(), 2 + get("").size());
  EXPECT_EQ(scanner.scan(bytes), State::complete) << "asking again changes nothing";

  const std::string rest = bytes.substr(scanner.consumed());
  scanner.reset();
  ASSERT_EQ(scanner.scan(rest), State::complete);
  EXPECT_EQ(scanner.head(rest), post(""));

  const std::string last = rest.substr(scanner.consumed());
  scanner.reset();
  EXPECT_EQ(scanner.scan(last), State::needs_more);
  EXPECT_EQ(scanner.scan(last + "\n"), State::failed);
  EXPECT_EQ(scanner.error().status, 400);
  EXPECT_EQ(scanner.scan(last + "\n more"), State::failed) << "errors stick";
  scanner.reset();
  EXPECT_EQ(scanner.scan("\r\n\r"), State::needs_more);
  EXPECT_TRUE(scanner.idle());
}

}  // namespace
}  // namespace ringcast

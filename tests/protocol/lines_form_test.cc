// Events as lines of JSON, with and without chunks.
#include "protocol/lines_form.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/protocol/written_event.h"

namespace ringcast {
namespace {

std::string event_bytes_of(LinesForm& form, const NewEvent& event, std::string_view id = {}) {
  std::vector<char> out;
  form.append_event(out, "jobs.1", written(event, 5), id);
  return {out.data(), out.size()};
}

TEST(LinesForm, AnEventIsALine) {
  LinesForm form(false);
  EXPECT_EQ(event_bytes_of(form, {.type = "step", .data = "a\nb\r\n\"c\"", .key = {}}),
            "{\"id\":\"e-5\",\"topic\":\"jobs.1\",\"event\":\"step\","
            "\"data\":\"a\\nb\\n\\\"c\\\"\"}\n");
  EXPECT_EQ(event_bytes_of(form, {.type = {}, .data = {}, .key = {}}, "e-5-9"),
            "{\"id\":\"e-5-9\",\"topic\":\"jobs.1\",\"event\":\"message\",\"data\":\"\"}\n");
}

TEST(LinesForm, ALineIsAChunk) {
  LinesForm form(true);
  // 58 bytes of JSON and a line feed.
  EXPECT_EQ(
      event_bytes_of(form, {.type = {}, .data = "x", .key = {}}),
      "3b\r\n{\"id\":\"e-5\",\"topic\":\"jobs.1\",\"event\":\"message\",\"data\":\"x\"}\n\r\n");
  EXPECT_EQ(form.heartbeat(), "1\r\n\n\r\n");
  EXPECT_EQ(LinesForm(false).heartbeat(), "\n");
}

TEST(LinesForm, SaysWhereAStreamBeginsAndHowItEnds) {
  LinesForm plain(false);
  LinesForm chunks(true);
  std::string out;
  plain.append_id(out, "e-4");
  EXPECT_EQ(out, "{\"type\":\"position\",\"id\":\"e-4\"}\n");
  out.clear();
  plain.append_farewell(out, 700);
  EXPECT_EQ(out, "{\"type\":\"drain\",\"retry_ms\":700}\n");
  out.clear();
  chunks.append_farewell(out, 700);
  EXPECT_EQ(out, "20\r\n{\"type\":\"drain\",\"retry_ms\":700}\n\r\n0\r\n\r\n");
  EXPECT_TRUE(plain.ending(StandingEnd::expired).starts_with("{\"type\":\"error\",\"error\":{"));
  EXPECT_TRUE(plain.ending(StandingEnd::revoked).ends_with("}}\n"));
  EXPECT_NE(plain.ending(StandingEnd::expired), plain.ending(StandingEnd::revoked));
  EXPECT_TRUE(chunks.ending(StandingEnd::expired).ends_with("}}\n\r\n0\r\n\r\n"));
}

TEST(LinesForm, AGapIsAnEvent) {
  LinesForm form(false);
  std::string out;
  form.append_gap(out,
                  {.reason = GapReason::evicted, .requested = "e-1", .topic = "t", .earliest = 9},
                  "e-8", kIds);
  EXPECT_EQ(out,
            "{\"id\":\"e-8\",\"topic\":\"t\",\"event\":\"gap\",\"data\":\"{\\\"requested\\\":"
            "\\\"e-1\\\",\\\"earliest\\\":\\\"e-9\\\",\\\"reason\\\":\\\"evicted\\\","
            "\\\"topic\\\":\\\"t\\\"}\"}\n");
}

}  // namespace
}  // namespace ringcast

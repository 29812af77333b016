// What the commands show: tables, lines of figures, suggestions.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tools/ringcast/cli_admin.h"
#include "tools/ringcast/cli_suggestion.h"
#include "tools/ringcast/cli_table.h"

namespace ringcast {
namespace {

constexpr std::array<Column, 3> kColumns = {{{"NAME", "name"}, {"N", "n", true}, {"LIST", "list"}}};

TEST(Table, AlignsAndSorts) {
  const auto text = table_of(R"({"rows":[{"name":"ü\u001b","n":5,"list":["x","y",1]},
                                         {"n":1234,"name":"a","list":[],"more":1},
                                         {"name":"b","n":null,"list":true}]})",
                             "rows", kColumns);
  ASSERT_TRUE(text);
  EXPECT_EQ(*text,
            "NAME      N  LIST\n"
            "a      1234  -\n"
            "b         -  yes\n"
            "ü\\x1b     5  x,y,1\n");
}

TEST(Table, RefusesWhatIsNoList) {
  for (const char* text : {"", "[]", "{}", R"({"rows":{}})", R"({"rows":[)"}) {
    const auto table = table_of(text, "rows", kColumns);
    ASSERT_FALSE(table) << text;
    EXPECT_EQ(table.error().message, "The server's answer is no list of rows.");
  }
  const auto odd = table_of(R"({"rows":[1,"x",null]})", "rows", kColumns);
  ASSERT_TRUE(odd);
  EXPECT_EQ(*odd, "NAME  N  LIST\n-     -  -\n-     -  -\n-     -  -\n");
}

TEST(Metrics, StandUnderTheirTitles) {
  const std::string title = metrics_title();
  const std::string line = metrics_line(R"({"connections":30000,"rss_bytes":1073741824,
                                            "log_bytes":1023,"cpu_percent":99.6})");
  EXPECT_EQ(line.size(), title.size());
  EXPECT_EQ(line.find("30000") + 5, title.find("CONNECTIONS") + 11);
  EXPECT_NE(line.find(" 1023B "), std::string::npos);
  EXPECT_NE(line.find(" 100 "), std::string::npos);
  EXPECT_TRUE(line.ends_with(" 1.0G\n"));
  EXPECT_EQ(metrics_line("no JSON").size(), title.size());
}

TEST(Suggestion, IsNearOrNothing) {
  const std::array<std::string, 3> words = {"pause", "resume", "adjust_parameters"};
  EXPECT_EQ(suggestion("paus", words), " Did you mean `pause`?");
  EXPECT_EQ(suggestion("adj", words), " Did you mean `adjust_parameters`?");
  EXPECT_EQ(suggestion("dance", words), "");
  EXPECT_EQ(unknown_word("action", "dance", words),
            "There is no action `dance`. There are: pause, resume, adjust_parameters.");
}

}  // namespace
}  // namespace ringcast

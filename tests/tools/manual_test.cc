#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "tools/manual/commands.h"
#include "tools/manual/roff.h"

namespace ringcast {
namespace {

class ManualTest : public testing::Test {
 protected:
  ManualTest() : app_("Serves.", "server") {
    app_.add_flag("--quiet", quiet_, "say nothing");
    CLI::App* serve = app_.add_subcommand("serve", "Run it.");
    serve->add_option("-c,--config", text_, "the file")->envname("SERVER_CONFIG");
    serve->add_option("--set", text_, "a setting");
    serve->add_option("--colour", text_, "when")
        ->check(CLI::IsMember({"auto", "always"}))
        ->capture_default_str();
    serve->add_flag("--check", quiet_, "only look");
    serve->footer("Examples:\n  .server 'serve' --check\n");
    CLI::App* send = app_.add_subcommand("send", "Send\tit.\nNow.");
    send->add_option("ACTION", text_, "what to do")->required();
    send->add_option("FILE", files_, "which");
    CLI::App* keys = app_.add_subcommand("keys", "Of clients.");
    keys->add_subcommand("make", "Makes one.")->add_option("NAME", text_, "whose");
    app_.add_subcommand("secret", "Not shown.")->group("");
    hints_.values["serve --set"] = [](std::string_view) {
      return std::vector<Candidate>{{"level=", "how much"}, {"place=", ""}};
    };
    hints_.values["send ACTION"] = [](std::string_view) {
      return std::vector<Candidate>{{"push", ""}, {"pull", ""}};
    };
    hints_.files = {"serve --config", "send FILE"};
  }

  std::string offered(std::vector<std::string> words) const {
    std::string text;
    const CandidateList list = complete_words(app_, hints_, words);
    for (const Candidate& each : list.candidates) text += each.word + " ";
    return text + (list.files ? "FILES" : "");
  }

  CLI::App app_;
  CompletionHints hints_;
  bool quiet_ = false;
  std::string text_ = "auto";
  std::vector<std::string> files_;
};

TEST_F(ManualTest, CompletesCommandsAndOptions) {
  EXPECT_EQ(offered({}), "");
  EXPECT_EQ(offered({""}), "serve send keys ");
  EXPECT_EQ(offered({"ser"}), "serve ");
  EXPECT_EQ(offered({"sec"}), "");
  EXPECT_EQ(offered({"keys", ""}), "make ");
  EXPECT_EQ(offered({"--qui"}), "--quiet ");
  EXPECT_EQ(offered({"serve", "--c"}), "--config --colour --check ");
  EXPECT_EQ(offered({"serve", ""}), "");
  EXPECT_EQ(offered({"--quiet", "serve", "--che"}), "--check ");
  EXPECT_EQ(offered({"nothing", "--qui"}), "--quiet ");
}

TEST_F(ManualTest, CompletesValues) {
  EXPECT_EQ(offered({"serve", "--colour", ""}), "auto always ");
  EXPECT_EQ(offered({"serve", "--colour=al"}), "--colour=always ");
  EXPECT_EQ(offered({"serve", "--set", "l"}), "level= ");
  EXPECT_EQ(offered({"serve", "--set=p"}), "--set=place= ");
  EXPECT_EQ(offered({"serve", "-c", ""}), "FILES");
  EXPECT_EQ(offered({"serve", "--config="}), "FILES");
  EXPECT_EQ(offered({"serve", "--nothing="}), "");
  EXPECT_EQ(offered({"serve", "--check", "--colour", "x", "--che"}), "--check ");
}

TEST_F(ManualTest, CompletesPositionals) {
  EXPECT_EQ(offered({"send", "pu"}), "push pull ");
  EXPECT_EQ(offered({"send", "push", "x"}), "FILES");
  EXPECT_EQ(offered({"send", "push", "x", "y"}), "FILES");
}

TEST_F(ManualTest, WritesALineForEach) {
  const std::vector<std::string> words = {"se"};
  EXPECT_EQ(completion_lines(complete_words(app_, hints_, words)),
            "serve\tRun it.\nsend\tSend it. Now.\n");
  EXPECT_EQ(completion_lines({.candidates = {}, .files = true}), ":files\n");
}

TEST_F(ManualTest, HasAScriptForThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"}) {
    const auto script = completion_script(shell, "server");
    ASSERT_TRUE(script) << shell;
    EXPECT_NE(script->find("server"), std::string::npos);
    EXPECT_NE(script->find("complete-words"), std::string::npos);
    EXPECT_EQ(script->find("PROGRAM"), std::string::npos);
  }
  EXPECT_FALSE(completion_script("ksh", "server"));
  EXPECT_FALSE(completion_script("", "server"));
}

TEST_F(ManualTest, WritesThePage) {
  const std::string page = man_page(app_, {.version = "1.2",
                                           .description = "What `it` does.",
                                           .files = {{"/etc/server", "its file"}},
                                           .see_also = {"other(5)"}});
  for (const char* part :
       {".TH SERVER 1 \"\" \"ringcast 1.2\"", "server \\- Serves\n", "What \\fBit\\fR does.",
        ".SS server serve\nRun it.", ".SS server keys make\nMakes one.",
        "\\fBserver keys make\\fR [\\fIoptions\\fR] [\\fINAME\\fR]\n",
        "\\fB\\-c, \\-\\-config\\fR \\fITEXT\\fR\nthe file.", "Environment: \\fBSERVER_CONFIG\\fR.",
        "\\fIauto|always\\fR", "Default: \\fBauto\\fR.", "\\fIACTION\\fR [\\fIFILE\\fR...]",
        "  .server \\(aqserve\\(aq \\-\\-check", "\\fI/etc/server\\fR\nits file",
        "\\fBother\\fR(5)"}) {
    EXPECT_NE(page.find(part), std::string::npos) << part << "\nis not in\n" << page;
  }
  EXPECT_EQ(page.find("secret"), std::string::npos);
}

TEST(RoffTest, NothingIsACommand) {
  EXPECT_EQ(roff_text(".so /etc/passwd\n'br\na\\b"), "\\&.so /etc/passwd\n\\&\\(aqbr\na\\eb");
  EXPECT_EQ(roff_text("`open"), "\\fBopen\\fR");
  EXPECT_EQ(roff_text("`as it is`", false), "\\(gaas it is\\(ga");
  EXPECT_EQ(roff_block("a\n.b\n\n"), ".nf\na\n\\&.b\n.fi\n");
}

}  // namespace
}  // namespace ringcast

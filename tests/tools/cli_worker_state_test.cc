#include "tools/ringcast/cli_worker_state.h"

#include <gtest/gtest.h>

#include <string>

namespace ringcast {
namespace {

TEST(WorkerState, CountsItsSteps) {
  WorkerState state(2);
  EXPECT_TRUE(state.working());
  EXPECT_EQ(state.progress(),
            R"({"step":0,"steps":2,"percent":0,"threshold":null,"parameters":{}})");
  state.advance();
  EXPECT_FALSE(state.completed());
  state.advance();
  EXPECT_TRUE(state.completed());
  EXPECT_FALSE(state.working());
}

TEST(WorkerState, ObeysAndAnswers) {
  WorkerState state(100);
  state.advance();
  std::string said;
  EXPECT_EQ(state.obey(R"({"action":"pause","ref":"c0-1"})", said),
            R"({"ref":"c0-1","status":"paused","step":1})");
  EXPECT_EQ(said, "pause: paused");
  EXPECT_TRUE(state.paused() && !state.working());
  EXPECT_EQ(state.obey(R"({"action":"resume","ref":"c\"2"})", said),
            R"({"ref":"c\"2","status":"resumed","step":1})");
  EXPECT_TRUE(state.working());
  state.obey(R"({"action":"adjust_parameters","ref":"3","a":[1, 2],"b":"x"})", said);
  EXPECT_EQ(said, R"(adjust_parameters {"a":[1,2],"b":"x"}: parameters_updated)");
  state.obey(R"({"action":"adjust_quality_threshold","ref":"4","value":0.8})", said);
  EXPECT_EQ(
      state.progress(),
      R"({"step":1,"steps":100,"percent":1,"threshold":0.8,"parameters":{"a":[1,2],"b":"x"}})");
  EXPECT_EQ(state.obey(R"({"action":"cancel"})", said), "") << "nobody waits";
  EXPECT_TRUE(state.cancelled() && !state.working());
}

TEST(WorkerState, SaysWhatItCannotDo) {
  WorkerState state(100);
  std::string said;
  EXPECT_EQ(state.obey(R"({"action":"dance\u001b","ref":"1"})", said),
            R"({"ref":"1","status":"unknown_action","step":0})");
  EXPECT_EQ(said, "dance\\x1b: unknown_action");
  EXPECT_EQ(state.obey(R"({"action":"adjust_quality_threshold","ref":"1"})", said),
            R"({"ref":"1","status":"value_missing","step":0})");
  for (const char* command : {"", "x", "[]", "{}", R"({"action":1,"ref":"1"})"}) {
    EXPECT_EQ(state.obey(command, said), "") << command;
    EXPECT_EQ(said, "A command that is not understood.");
  }
  EXPECT_TRUE(state.working());
}

}  // namespace
}  // namespace ringcast

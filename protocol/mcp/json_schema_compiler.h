// Makes a SchemaTable of a schema's text.
//
// 1. Parse; refuse names that come twice.
// 2. Compile the root and, in it, every schema a keyword holds, those of `$defs` too. A `$ref`
// becomes
//    a child that is not known yet.
// 3. Resolve the references; what they lead to is compiled if no keyword held it.
// 4. Refuse schemas that lead to themselves without going deeper into the value.
//
// Functions that return bool have said what is wrong when they return false.
#pragma once

#include <simdjson.h>

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/mcp/json_place.h"
#include "protocol/mcp/json_schema_table.h"

namespace ringcast {

class SchemaCompiler {
 public:
  explicit SchemaCompiler(SchemaTable& table) : table_(table) {}

  // Once, into an empty table.
  bool compile(std::string_view text);
  const std::string& problem() const { return problem_; }

 private:
  using Element = simdjson::dom::element;
  using Object = simdjson::dom::object;

  // A schema that is being read.
  struct Draft {
    Object object;
    const JsonPlace& place;
    SchemaIndex index = kAnything;
    std::uint8_t types = kAllTypes;
    std::uint32_t done = 0;  // keywords that were read with their fellows: bits of SchemaKeyword
    std::vector<SchemaRule> rules{};
  };
  struct Keyword {
    std::string_view name;
    bool (SchemaCompiler::*read)(Draft&, const Keyword&, Element, const JsonPlace&);
    SchemaKeyword rule = SchemaKeyword::constant;
    std::uint8_t types = kAllTypes;
  };
  struct Reference {
    std::uint32_t child = 0;  // where in `children` the target belongs
    std::string target;       // without `#`
    std::string pointer;      // of the reference
  };
  enum class Visit : std::uint8_t { never, under_way, done };

  static const Keyword* find_keyword(std::string_view name);

  bool refuse(const JsonPlace& place, std::string_view why);
  bool refuse_at(std::string_view pointer, std::string_view why);

  bool parse(std::string_view text);
  bool has_distinct_names(Element value, const JsonPlace& place);
  bool schema(Element value, const JsonPlace& place, SchemaIndex& index);
  bool resolve(const Reference& reference);
  bool descends(SchemaIndex index, std::vector<Visit>& visits, std::uint32_t depth);
  bool child_descends(std::uint32_t child, std::vector<Visit>& visits, std::uint32_t depth);

  // Readers of keywords.
  bool ignored(Draft&, const Keyword&, Element, const JsonPlace&);
  bool unsupported(Draft&, const Keyword&, Element, const JsonPlace&);
  bool only_draft7(Draft&, const Keyword&, Element, const JsonPlace&);
  bool dialect(Draft&, const Keyword&, Element, const JsonPlace&);
  bool id(Draft&, const Keyword&, Element, const JsonPlace&);
  bool anchor(Draft&, const Keyword&, Element, const JsonPlace&);
  bool reference(Draft&, const Keyword&, Element, const JsonPlace&);
  bool definitions(Draft&, const Keyword&, Element, const JsonPlace&);
  bool type(Draft&, const Keyword&, Element, const JsonPlace&);
  bool constant(Draft&, const Keyword&, Element, const JsonPlace&);
  bool enumeration(Draft&, const Keyword&, Element, const JsonPlace&);
  bool number(Draft&, const Keyword&, Element, const JsonPlace&);
  bool size(Draft&, const Keyword&, Element, const JsonPlace&);
  bool pattern(Draft&, const Keyword&, Element, const JsonPlace&);
  bool unique_items(Draft&, const Keyword&, Element, const JsonPlace&);
  bool required(Draft&, const Keyword&, Element, const JsonPlace&);
  bool members(Draft&, const Keyword&, Element, const JsonPlace&);
  bool items(Draft&, const Keyword&, Element, const JsonPlace&);
  bool contains(Draft&, const Keyword&, Element, const JsonPlace&);
  bool condition(Draft&, const Keyword&, Element, const JsonPlace&);
  bool branches(Draft&, const Keyword&, Element, const JsonPlace&);
  bool one_schema(Draft&, const Keyword&, Element, const JsonPlace&);
  bool dependent_required(Draft&, const Keyword&, Element, const JsonPlace&);
  bool dependent_schemas(Draft&, const Keyword&, Element, const JsonPlace&);

  // Parts of them. `fellow` is the schema another keyword of the draft holds; it leaves `index`
  // alone where there is none.
  bool fellow(const Draft& draft, std::string_view name, SchemaIndex& index);
  bool fellow_size(const Draft& draft, std::string_view name, std::uint32_t& size);
  bool schemas(Element array, const JsonPlace& place, std::vector<SchemaIndex>& indices);
  bool named_schemas(Element object, const JsonPlace& place, std::vector<SchemaProperty>& named);
  bool patterned(const Draft& draft, SchemaMembers& members);
  bool size_value(Element value, const JsonPlace& place, std::uint32_t& size);
  bool regex(std::string_view text, const JsonPlace& place, std::uint32_t& index);
  bool names(Element array, const JsonPlace& place, SchemaRule& rule);

  SchemaTable& table_;
  std::string problem_;
  Element root_;
  bool draft7_ = false;
  std::uint32_t pattern_instructions_ = 0;
  std::map<Object::iterator, SchemaIndex> known_;  // objects by where they begin
  std::map<std::string_view, SchemaIndex> anchors_;
  std::vector<Reference> references_;
};

}  // namespace ringcast

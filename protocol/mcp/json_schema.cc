#include "protocol/mcp/json_schema.h"

#include <utility>

#include "protocol/mcp/json_schema_checker.h"
#include "protocol/mcp/json_schema_compiler.h"
#include "protocol/mcp/json_schema_table.h"

namespace ringcast {

JsonSchema::JsonSchema(std::unique_ptr<const SchemaTable> table) : table_(std::move(table)) {}
JsonSchema::JsonSchema(JsonSchema&&) noexcept = default;
JsonSchema& JsonSchema::operator=(JsonSchema&&) noexcept = default;
JsonSchema::~JsonSchema() = default;

Result<JsonSchema> JsonSchema::compile(std::string_view schema) {
  auto table = std::make_unique<SchemaTable>();
  SchemaCompiler compiler(*table);
  if (!compiler.compile(schema)) return fail("bad_schema", compiler.problem());
  return JsonSchema(std::move(table));
}

std::string JsonSchema::check(simdjson::dom::element value) const {
  return SchemaChecker(*table_).check(value);
}

}  // namespace ringcast

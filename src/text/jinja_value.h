// The values a template computes with: Python's, as far as chat templates can see them.
// Threads: confined to one rendering. Owner: values borrow from the Heap of their rendering or from the compiled template.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace forebay::text::jinja {

struct Callable;
struct Dict;
struct List;
struct Loop;
struct Namespace;

enum class Kind : std::uint8_t { kUndefined, kNone, kBool, kInteger, kFloat, kString, kList, kDict, kNamespace, kCallable, kLoop };

// Why a value is undefined; decides the words of the error when it is used.
enum class Absence : std::uint8_t { kName, kMember, kUnsafe };

class Value {
 public:
  Value() = default;  // undefined
  static Value none() { return Value(Kind::kNone); }
  static Value boolean(bool value) {
    Value v(Kind::kBool);
    v.integer_ = value;
    return v;
  }
  static Value integer(std::int64_t value) {
    Value v(Kind::kInteger);
    v.integer_ = value;
    return v;
  }
  static Value number(double value) {
    Value v(Kind::kFloat);
    v.number_ = value;
    return v;
  }
  static Value string(std::string_view text) {
    Value v(Kind::kString);
    v.text_ = text.data();
    v.size_ = text.size();
    return v;
  }
  static Value list(const List* list) {
    Value v(Kind::kList);
    v.list_ = list;
    return v;
  }
  static Value dict(const Dict* dict) {
    Value v(Kind::kDict);
    v.dict_ = dict;
    return v;
  }
  static Value space(Namespace* space) {
    Value v(Kind::kNamespace);
    v.space_ = space;
    return v;
  }
  static Value callable(const Callable* callable) {
    Value v(Kind::kCallable);
    v.callable_ = callable;
    return v;
  }
  static Value loop(Loop* loop) {
    Value v(Kind::kLoop);
    v.loop_ = loop;
    return v;
  }
  // `owner` is the Python type that lacks the member; must be a literal.
  static Value undefined(std::string_view name, Absence absence = Absence::kName, std::string_view owner = {});

  Kind kind() const { return kind_; }
  bool is(Kind kind) const { return kind_ == kind; }
  bool is_number() const { return kind_ == Kind::kInteger || kind_ == Kind::kFloat || kind_ == Kind::kBool; }
  bool is_whole() const { return kind_ == Kind::kInteger || kind_ == Kind::kBool; }
  // Each of these only for its kind; whole() and real() for every number.
  std::int64_t whole() const { return integer_; }
  double real() const { return kind_ == Kind::kFloat ? number_ : static_cast<double>(integer_); }
  std::string_view text() const { return {text_, size_}; }
  const List& list() const { return *list_; }
  const Dict& dict() const { return *dict_; }
  Namespace& space() const { return *space_; }
  const Callable& callable() const { return *callable_; }
  Loop& loop() const { return *loop_; }
  // What Jinja says when an undefined value is used: "'x' is undefined".
  std::string absence_message() const;

 private:
  explicit Value(Kind kind) : kind_(kind) {}
  Kind kind_ = Kind::kUndefined;
  Absence absence_ = Absence::kName;
  std::uint32_t owner_bytes_ = 0;
  union {
    std::int64_t integer_ = 0;
    double number_;
    const char* text_;
    const List* list_;
    const Dict* dict_;
    Namespace* space_;
    const Callable* callable_;
    Loop* loop_;
  };
  std::size_t size_ = 0;
  const char* owner_ = nullptr;
};

// Python's names: "str", "dict", "NoneType".
std::string_view type_name(const Value& value);
bool is_true(const Value& value);
bool is_hashable(const Value& value);

}  // namespace forebay::text::jinja

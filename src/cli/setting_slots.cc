#include "cli/setting_slots.h"

#include <glaze/core/reflect.hpp>
#include <type_traits>
#include <utility>

namespace forebay::cli {

namespace {
template <class T>
void collect(T& value, const std::string& path, std::vector<NamedSlot>& slots) {
  if constexpr (std::is_constructible_v<Slot, T*>) {
    slots.push_back({path, Slot(&value)});
  } else {
    auto members = glz::to_tie(value);
    [&]<std::size_t... kIndex>(std::index_sequence<kIndex...>) {
      (collect(glz::get<kIndex>(members), (path.empty() ? "" : path + ".") + std::string(glz::reflect<T>::keys[kIndex]), slots), ...);
    }(std::make_index_sequence<glz::reflect<T>::size>{});
  }
}
}  // namespace

std::vector<NamedSlot> slots_of(Configuration& configuration) {
  std::vector<NamedSlot> slots;
  collect(configuration, "", slots);
  return slots;
}

}  // namespace forebay::cli

#include "engines/onnx/run_memory.h"

#include <onnxruntime/onnxruntime_session_options_config_keys.h>

#include <cstdlib>
#include <limits>
#include <new>

namespace forebay::engines {

namespace {
constexpr std::size_t kAlignment = 64;
// Smaller blocks are not worth an entry in the budget.
constexpr std::size_t kReservedFrom = std::size_t{4} << 20;

struct Header {
  RunAccount* account = nullptr;  // null: of no run
  std::size_t size = 0;
  ByteBudget::Reservation reserved;
};
static_assert(sizeof(Header) <= kAlignment);

thread_local RunAccount* current_account = nullptr;
}  // namespace

RunMemoryScope::RunMemoryScope(const RunBounds& bounds) : account_(new RunAccount(bounds)), before_(current_account) {
  current_account = account_;
}

RunMemoryScope::~RunMemoryScope() {
  current_account = before_;
  account_->release();
}

RunMemory::RunMemory() : OrtAllocator(), info_(Ort::MemoryInfo::CreateCpu(OrtDeviceAllocator, OrtMemTypeDefault)) {
  version = ORT_API_VERSION;
  Alloc = [](OrtAllocator*, std::size_t size) { return allocate(size); };
  Reserve = Alloc;
  Free = [](OrtAllocator*, void* block) { free(block); };
  Info = [](const OrtAllocator* self) -> const OrtMemoryInfo* { return static_cast<const RunMemory*>(self)->info_; };
}

void* RunMemory::allocate(std::size_t size) {
  if (size == 0) return nullptr;
  if (size > std::numeric_limits<std::size_t>::max() / 2) throw std::bad_alloc();
  RunAccount* const account = current_account;
  ByteBudget::Reservation reserved;
  if (account != nullptr) {
    const std::uint64_t bytes = account->bytes_ += size;
    bool fits = bytes <= account->bytes_max_;
    if (fits && account->budget_ != nullptr && size >= kReservedFrom) {
      auto made = account->budget_->reserve(size, "a run");
      fits = made.has_value();
      if (fits) reserved = *std::move(made);
    }
    if (!fits) {
      account->bytes_ -= size;
      account->exceeded_ = true;
      throw std::bad_alloc();
    }
    if (bytes > account->most_) account->most_ = bytes;
  }
  const std::size_t whole = (size + kAlignment - 1) / kAlignment * kAlignment + kAlignment;
  auto* memory = static_cast<std::byte*>(std::aligned_alloc(kAlignment, whole));
  if (memory == nullptr) {
    if (account != nullptr) account->bytes_ -= size;
    throw std::bad_alloc();
  }
  if (account != nullptr) ++account->users_;
  new (memory) Header{account, size, std::move(reserved)};
  return memory + kAlignment;
}

void RunMemory::free(void* block) {
  if (block == nullptr) return;
  auto* memory = static_cast<std::byte*>(block) - kAlignment;
  auto* header = std::launder(reinterpret_cast<Header*>(memory));
  RunAccount* const account = header->account;
  if (account != nullptr) account->bytes_ -= header->size;
  header->~Header();
  std::free(memory);
  if (account != nullptr) account->release();
}

void use_run_memory(Ort::SessionOptions& options) { options.AddConfigEntry(kOrtSessionOptionsConfigUseEnvAllocators, "1"); }

}  // namespace forebay::engines

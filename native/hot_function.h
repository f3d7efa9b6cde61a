// Functions that JavaScript calls in duty cycles: plain C++ functions of 32-bit integers (and of bytes), behind two doors.
// One is V8's callback, 15 to 45 ns. The other is a fast API call: optimised JavaScript calls the C++ function as C would,
// 5 ns. Node installs no header for the latter, so the few structures it needs are written out here, for the V8 versions
// they were checked with; any other version has the callback alone, which every version has in any case.
//
// A hot function must not throw, must not touch the JavaScript heap, and returns void, bool or int32_t: a double would be
// boxed.
#pragma once

#include <tuple>
#include <type_traits>
#include <utility>

#include "addon.h"

#if V8_MAJOR_VERSION == 11 && V8_MINOR_VERSION == 3
#define AERON_BYPASS_FAST_CALLS 1
#define AERON_BYPASS_FAST_BYTES 1
#else
#define AERON_BYPASS_FAST_CALLS 0
#define AERON_BYPASS_FAST_BYTES 0
#endif

namespace aeron_bypass {

// The bytes of a Buffer or another Uint8Array. As V8 lays them out for a fast call.
struct Bytes {
  size_t length;
  uint8_t* data;
};

namespace hot {

// As v8::CTypeInfo, v8::CFunctionInfo and v8::CFunction are laid out.
struct Type {
  uint8_t type;
  uint8_t sequence;
  uint8_t flags;
};
struct Info {
  Type result;
  uint8_t int64Representation;
  unsigned argumentCount;
  const Type* arguments;
};
struct Function {
  const void* address;
  const Info* info;
};
constexpr Type kVoid = {0, 0, 0};
constexpr Type kBool = {1, 0, 0};
constexpr Type kUint8Array = {2, 2, 0};
constexpr Type kInt32 = {3, 0, 0};
constexpr Type kValue = {10, 0, 0};

template <typename T>
struct Argument;

template <>
struct Argument<int32_t> {
  using Fast = int32_t;
  static constexpr Type kType = kInt32;
  static constexpr bool kHasFast = true;
  static int32_t from(v8::Local<v8::Value> value) {
    if (value->IsInt32()) return value.As<v8::Int32>()->Value();
    // Offsets and lengths up to 4 GiB - 1 come as any number.
    return static_cast<int32_t>(static_cast<int64_t>(value.As<v8::Number>()->Value()));
  }
};

template <>
struct Argument<Bytes> {
  using Fast = const Bytes&;
  static constexpr Type kType = kUint8Array;
  static constexpr bool kHasFast = AERON_BYPASS_FAST_BYTES;
  static Bytes from(v8::Local<v8::Value> value) {
    if (!value->IsArrayBufferView()) return {0, nullptr};
    v8::Local<v8::ArrayBufferView> view = value.As<v8::ArrayBufferView>();
    return {view->ByteLength(), static_cast<uint8_t*>(view->Buffer()->Data()) + view->ByteOffset()};
  }
};

template <typename R>
constexpr Type kResult = std::is_void_v<R> ? kVoid : std::is_same_v<R, bool> ? kBool : kInt32;

template <auto function>
struct Doors;

template <typename R, typename... A, R (*function)(A...)>
struct Doors<function> {
  static void callback(const Arguments& args) { call(args, std::index_sequence_for<A...>()); }

  template <size_t... I>
  static void call(const Arguments& args, std::index_sequence<I...>) {
    if constexpr (std::is_void_v<R>) {
      function(Argument<A>::from(args[I])...);
    } else {
      args.GetReturnValue().Set(function(Argument<A>::from(args[I])...));
    }
  }

  static R fast(v8::Local<v8::Value>, typename Argument<A>::Fast... arguments) { return function(arguments...); }

  static constexpr bool kHasFast = AERON_BYPASS_FAST_CALLS && (Argument<A>::kHasFast && ...);
  static constexpr Type kTypes[] = {kValue, Argument<A>::kType...};
  static constexpr Info kInfo = {kResult<R>, 0, sizeof...(A) + 1, kTypes};
};

}  // namespace hot

// Exports a hot function under `name`.
template <auto function>
void hotFunction(v8::Isolate* isolate, v8::Local<v8::Object> exports, const char* name) {
  using Doors = hot::Doors<function>;
  const hot::Function fast = {reinterpret_cast<const void*>(&Doors::fast), &Doors::kInfo};
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Function> exported =
      v8::FunctionTemplate::New(isolate, Doors::callback, v8::Local<v8::Value>(), v8::Local<v8::Signature>(), 0,
                                v8::ConstructorBehavior::kThrow, v8::SideEffectType::kHasSideEffect,
                                Doors::kHasFast ? reinterpret_cast<const v8::CFunction*>(&fast) : nullptr)
          ->GetFunction(context)
          .ToLocalChecked();
  exported->SetName(toV8(isolate, name));  // Profiles show it.
  exports->Set(context, toV8(isolate, name), exported).Check();
}

}  // namespace aeron_bypass

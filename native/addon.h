// What every addon needs: argument readers, function registration, errors with a code.
#pragma once

#include <node.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "region_table.h"

namespace aeron_bypass {

using Arguments = v8::FunctionCallbackInfo<v8::Value>;

// Hot functions take 32-bit integers only, so nothing is boxed on the way in or out.
inline int32_t int32At(const Arguments& args, int index) { return args[index].As<v8::Int32>()->Value(); }

inline double doubleAt(const Arguments& args, int index) { return args[index].As<v8::Number>()->Value(); }

inline std::string stringAt(const Arguments& args, int index) {
  v8::String::Utf8Value text(args.GetIsolate(), args[index]);
  return std::string(*text, text.length());
}

inline v8::Local<v8::String> toV8(v8::Isolate* isolate, const std::string& text) {
  return v8::String::NewFromUtf8(isolate, text.data(), v8::NewStringType::kNormal, static_cast<int>(text.size()))
      .ToLocalChecked();
}

inline void set(v8::Isolate* isolate, v8::Local<v8::Object> object, const char* name, v8::Local<v8::Value> value) {
  object->Set(isolate->GetCurrentContext(), toV8(isolate, name), value).Check();
}

// Throws an Error with `code` (a stable name such as ENOENT) and `message`. Cold paths only.
inline void throwError(v8::Isolate* isolate, const std::string& code, const std::string& message) {
  v8::Local<v8::Value> error = v8::Exception::Error(toV8(isolate, message));
  set(isolate, error.As<v8::Object>(), "code", toV8(isolate, code));
  isolate->ThrowException(error);
}

// Throws for a failed system call: code is the name of errno, message "<what>: <strerror>".
inline void throwErrno(v8::Isolate* isolate, int error, const std::string& what) {
  const char* name = strerrorname_np(error);
  throwError(isolate, name ? name : std::to_string(error), what + ": " + strerror(error));
}

inline void function(v8::Isolate* isolate, v8::Local<v8::Object> exports, const char* name,
                     v8::FunctionCallback callback) {
  v8::Local<v8::Context> context = isolate->GetCurrentContext();
  v8::Local<v8::Function> fn =
      v8::Function::New(context, callback, v8::Local<v8::Value>(), 0, v8::ConstructorBehavior::kThrow)
          .ToLocalChecked();
  fn->SetName(toV8(isolate, name));  // Profiles show it.
  exports->Set(context, toV8(isolate, name), fn).Check();
}

// Wraps memory that lives as long as the process (a scratch word, a packet pool) as a SharedArrayBuffer.
inline v8::Local<v8::SharedArrayBuffer> share(v8::Isolate* isolate, void* data, size_t length) {
  std::unique_ptr<v8::BackingStore> store = v8::SharedArrayBuffer::NewBackingStore(
      data, length, [](void*, size_t, void*) {}, nullptr);
  return v8::SharedArrayBuffer::New(isolate, std::move(store));
}

// Reads the RegionTable address that shm exports as a BigInt and the other addons are given in attach().
inline RegionTable* tableAt(const Arguments& args, int index) {
  return reinterpret_cast<RegionTable*>(args[index].As<v8::BigInt>()->Uint64Value());
}

}  // namespace aeron_bypass

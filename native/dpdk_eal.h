// The environment abstraction layer (EAL), which exists once per process, and what it says.
#pragma once

#include <string>

#include "addon.h"

namespace aeron_bypass::dpdk {

// What EAL and drivers said since the last call, at most 8 KiB.
std::string takeLog();

std::string errnoText(int error);

// Throws an Error with `code`, what failed, and what EAL and drivers said.
void fail(v8::Isolate* isolate, const char* code, const std::string& what);

void initialise(const Arguments& args);

}  // namespace aeron_bypass::dpdk
